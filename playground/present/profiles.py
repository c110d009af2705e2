"""Cost of a program's walk, settings of its constants, comparison of two programs. Called in a worker only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from playground.present.request import Asked, read_request
from vm import pipeline
from vm.errors import InputError
from vm.pipeline import Side
from vm.program import Object, Program

Message = dict[str, Any]

MOST: Final = {"lines": 4_096, "insns": 65_536, "functions": 256, "loops": 64, "misses": 64}
"""Largest number of rows of each list."""
ADVICE_SECONDS: Final = 25.0
SETTINGS_SECONDS: Final = 40.0


def profile_job(asked: Asked, obj: Object, program: Program) -> Iterator[Message]:
    """The `profile` message."""
    found = pipeline.profiled(obj, program, caps=asked.caps)
    told = pipeline.profile_fields(found)
    told |= {name: told[name][:most] for name, most in MOST.items()}
    told["insns"] = [[row["insn"], row["insns"], row["states"], row["pruned"], row["missed"]] for row in told["insns"]]
    constants = [
        {
            "name": each.name, "type": each.type, "value": each.value, "least": str(each.least), "most": str(each.most),
            "words": list(each.words)[:32],
        }
        for each in pipeline.settable(obj)
    ]  # fmt: skip
    about = {"program": program.name, "verdict": found.verdict.verdict, "message": found.verdict.message}
    yield {"type": "profile", **about, **told, "constants": constants}


def advice_job(asked: Asked, obj: Object, program: Program) -> Iterator[Message]:
    """Yields an `advice` message for each change when it is found, then `advice_done`."""
    count = 0
    found = pipeline.profiled(obj, program, caps=asked.caps)
    changes = pipeline.advice(asked.source, asked.build, obj, found, limit_seconds=ADVICE_SECONDS, caps=asked.caps)
    for each in changes:
        count += 1
        yield {
            "type": "advice", "title": each.title, "why": each.why, "diff": each.diff,
            "edits": [edit.as_json() for edit in each.fix.edits], "before": each.before,
            "insns_processed": each.insns_processed,
        }  # fmt: skip
    yield {"type": "advice_done", "found": count}


def settings_job(asked: Asked, obj: Object, program: Program) -> Iterator[Message]:
    """Yields a `setting` message for each combination of values, then `settings_done`."""
    message = ""
    values = asked.more.get("values") or {}
    try:
        for each in pipeline.settings(obj, program.name, values, limit_seconds=SETTINGS_SECONDS, caps=asked.caps):
            yield {"type": "setting", **pipeline.setting_fields(each)}
    except InputError as error:
        message = error.message
    yield {"type": "settings_done", "message": message}


def compare_job(asked: Asked) -> Iterator[Message]:
    """The `compare` message."""
    if "other" not in asked.more:
        raise InputError("This compares with another request, which has to be sent along.")
    other = read_request(asked.more["other"])
    if "log" in (asked.source.kind, other.source.kind):
        raise InputError("A log does not hold the program: paste its source, or drop its object file.")
    sides = [Side(each.source, each.build, each.caps) for each in (asked, other)]
    found = pipeline.compare_one(sides[0], sides[1], asked.program, other.program)
    yield {"type": "compare", **pipeline.comparison_fields(found)}
