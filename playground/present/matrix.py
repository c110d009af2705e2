"""What real kernels say of a program, as messages. Called in a worker only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import prod
from typing import Any, Final

from playground.present.request import Asked
from vm import pipeline
from vm.caps import ROOT
from vm.errors import InputError
from vm.pipeline import Build, Cell

Message = dict[str, Any]
MOST_BUILDS: Final = 32
SECONDS: Final = 60.0
"""For the answers of all kernels: less than a job has, so that cells say which of them took too long."""
FIXES_WITHIN: Final = 40.0
"""Seconds of the job after which no further fix is tried on the kernels, and for which one may take."""
FIXES: Final = 3
"""Fixes that are tried on the kernels."""


def matrix_job(asked: Asked) -> Iterator[Message]:
    """The `kernels` message, `cell` messages as they are answered, `emulated`, `fix_tried` messages, `cells_done`."""
    there = pipeline.saved_guests()
    states = there.named(asked.more.get("kernels") or [])
    yield {
        "type": "kernels",
        "kernels": [{"name": state.name, "release": state.release} for state in there.states],
        "compilers": list(pipeline.compilers()) if asked.source.kind == "c" else [],
        "missing": there.missing,
    }
    if not states:
        yield {"type": "cells_done", "asked": 0, "changes": [], "lacking": []}
        return
    builds = _builds(asked)
    program = _program(builds, asked)
    cells: list[Cell] = []
    # With level 2 the steps of an accepted program are logged too, so that any two answers can be compared.
    level = 2 if len(builds) == 1 else 1
    started = time.monotonic()
    for cell in pipeline.matrix(builds, states, program=program, log_level=level, seconds=SECONDS):
        cells.append(cell)
        yield {"type": "cell", **cell.as_json()}
    first = [cell for cell in cells if _of(cell, builds[0])]
    # What keeps a kernel busy for so long would keep the emulation busy until the job is stopped.
    late = any(cell.verdict == "limit" for cell in first)
    own = None if builds[0].failed or late else pipeline.own_cell(builds[0], program, asked.caps, level)
    if own is not None:
        yield _emulated(asked, own, first)
    rejected = [cell for cell in first if cell.verdict != "accept"]
    if own is not None and own.verdict == "reject" and asked.source.kind == "c":
        yield from _fixes(asked, builds[0], program, states, started + FIXES_WITHIN)
    refusing = [cell.kernel for cell in rejected]
    lacking = pipeline.lacking_by_kernel(builds[0], states, program, refusing) if refusing else {}
    yield {
        "type": "cells_done",
        "asked": len(cells),
        "changes": [
            {"kernel": cell.kernel, **changed}
            for cell, changed in pipeline.with_changes(first, states)
            if changed is not None
        ],
        "lacking": [{"kernel": name, "needs": needs} for name, needs in lacking.items() if needs],
    }


def _builds(asked: Asked) -> list[Build]:
    chosen = [asked.more.get(name) or () for name in ("clangs", "mcpus", "opts")]
    if asked.source.kind == "c":
        chosen[0] = pipeline.named_compilers(chosen[0])
    number = prod(max(1, len(each)) for each in chosen)
    if number > MOST_BUILDS:
        raise InputError(f"These are {number} compilers and options; at most {MOST_BUILDS} are asked at once.")
    made = pipeline.builds(asked.source, asked.build, *chosen)
    if len(made) == 1 and made[0].failed:
        raise InputError("The source does not compile, so there is no program.")
    return made


def _program(builds: Sequence[Build], asked: Asked) -> str:
    """The name of the program that is asked for. InputError if no build has it."""
    build = next((each for each in builds if not each.failed), builds[0])
    return pipeline.choose(pipeline.load(build.source, build.options, build.compiled), asked.program).name


def _of(cell: Cell, build: Build) -> bool:
    options = build.options
    c = build.source.kind == "c"
    return (cell.clang, cell.mcpu, cell.opt) == (
        (build.clang, options.mcpu, options.opt) if c else (build.clang, "", "")
    )


def _emulated(asked: Asked, own: Cell, cells: Sequence[Cell]) -> Message:
    # The kernels are asked as root.
    held = (pipeline.verified(own, cell) for cell in cells if asked.caps == ROOT)
    found = next((each for each in held if each is not None), None)
    return {"type": "emulated", **own.as_json(), "verified": asdict(found) if found is not None else None}


def _fixes(asked: Asked, build: Build, program: str, states: Sequence[Any], until: float) -> Iterator[Message]:
    """What the kernels say of the source as each fix leaves it; none is begun after `until`."""
    obj = pipeline.load(build.source, build.options, build.compiled)
    try:
        found = pipeline.repairs(build.source, build.options, obj, pipeline.choose(obj, program), caps=asked.caps)
        for number, each in enumerate(found):
            left = until - time.monotonic()
            if number >= FIXES or left < 0:
                return
            changed = pipeline.repaired(build.source, each)
            cells = {
                cell.kernel: cell
                for cell in pipeline.matrix(
                    pipeline.builds(changed, build.options), states, program=program, seconds=left
                )
            }
            yield {
                "type": "fix_tried", "title": each.title, "diff": each.diff,
                "kernels": [
                    {"kernel": name, "verdict": cell.verdict, "message": cell.message}
                    for name, cell in ((state.name, cells.get(state.name)) for state in states)
                    if cell is not None
                ],
            }  # fmt: skip
    except InputError:
        return
