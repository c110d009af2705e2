"""A search finds what the windows of the same steps show."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from playground.jobs.frames import DAMAGED
from playground.present.run import run_job
from tests.playground.present.programs import LOOP

LOGS = Path(__file__).parents[2] / "vm" / "logs"


@cache
def said() -> list[dict[str, Any]]:
    return list(run_job({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}}))


def given(messages: list[dict[str, Any]], kind: str, stage: str) -> list[str]:
    return [base64.b64encode(m["data"]).decode() for m in messages if m["type"] == kind and m["stage"] == stage]


def seek(
    stop: dict[str, Any], first: int, end: int, *, stage: str = "verify", backwards: bool = False
) -> dict[str, Any]:
    messages = said()
    request: dict[str, Any] = {
        "kind": "seek", "stage": stage, "stops": [stop], "first": first, "end": end, "backwards": backwards,
        "program": json.dumps(next(m for m in messages if m["type"] == "program")),
        "outlines": given(messages, "outline", stage), "blocks": given(messages, "block", stage),
    }  # fmt: skip
    (answer,) = run_job(request)
    return answer


def steps(stage: str, first: int) -> list[dict[str, Any]]:
    messages = said()
    request: dict[str, Any] = {
        "kind": "window", "stage": stage, "run": 0, "from": first, "to": first + 256, "total": 1 << 20,
        "program": json.dumps(next(m for m in messages if m["type"] == "program")),
        "blocks": given(messages, "block", stage),
    }  # fmt: skip
    return list(next(iter(run_job(request)))["steps"])


def total(stage: str) -> int:
    return max(int(m["to"]) for m in said() if m["type"] == "outline" and m["stage"] == stage)


@pytest.mark.parametrize("stage", ["verify", "run"])
def test_outlines_cover_every_step(stage: str) -> None:
    outlines = [m for m in said() if m["type"] == "outline" and m["stage"] == stage]
    blocks = [m for m in said() if m["type"] == "block" and m["stage"] == stage]
    assert outlines[0]["from"] == 0 and outlines[-1]["to"] == blocks[-1]["to"] > 2_000
    assert all(a["to"] == b["from"] for a, b in zip(outlines, outlines[1:], strict=False))


@pytest.mark.parametrize("stage", ["verify", "run"])
@pytest.mark.parametrize("insn", [2, 3, 7])
def test_visits(stage: str, insn: int) -> None:
    shown = steps(stage, 0)
    visits = [n for n, step in enumerate(shown) if step["insn"] == insn]
    at = -1
    for step in visits:
        assert seek({"kind": "insn", "insns": [insn]}, at + 1, 256, stage=stage)["step"] == step
        at = step
    assert seek({"kind": "insn", "insns": [insn]}, 0, at, stage=stage, backwards=True)["step"] == visits[-2]
    assert seek({"kind": "insn", "insns": [999]}, 0, total(stage), stage=stage)["step"] is None


@pytest.mark.parametrize(("stage", "name"), [("verify", "r7"), ("verify", "fp-8"), ("run", "r7"), ("run", "rdi")])
def test_changes(stage: str, name: str) -> None:
    shown = steps(stage, 0)
    fields = ("set",) if stage == "verify" else ("regs", "x")
    changed = [n for n, step in enumerate(shown) if any(name in step.get(field, {}) for field in fields)]
    for earlier, later in zip([-1, *changed], changed, strict=False):
        found = seek({"kind": "change", "name": name}, earlier + 1, 256, stage=stage)["step"]
        assert found == later or found in changed, (earlier, later)


def test_a_condition_of_a_run_is_about_the_machine_s_values() -> None:
    found = seek({"kind": "condition", "text": "r7 == 500"}, 0, total("run"), stage="run")
    assert found["problems"] == []
    first = found["step"] // 256 * 256
    assert steps("run", first)[found["step"] - first]["regs"]["r7"] == hex(500)
    later = seek({"kind": "condition", "text": "r7 == 500"}, found["step"] + 1, total("run"), stage="run")
    assert later["step"] is None


def test_the_nearest_of_several_stops_and_what_is_wrong_with_others() -> None:
    messages = said()
    stops = [
        {"kind": "condition", "text": "r7 == 40"},
        {"kind": "condition", "text": "r7 =="},
        {"kind": "insn", "insns": [4]},
        {"kind": "condition", "text": "r7 == 2 && r9.type == none"},
    ]
    request: dict[str, Any] = {
        "kind": "seek", "stage": "verify", "stops": stops, "first": 6, "end": 600, "backwards": False,
        "program": json.dumps(next(m for m in messages if m["type"] == "program")),
        "outlines": given(messages, "outline", "verify"), "blocks": given(messages, "block", "verify")[:2],
    }  # fmt: skip
    (answer,) = run_job(request)
    assert [each["stop"] for each in answer["problems"]] == [1]
    assert answer["stop"] == 3
    request["backwards"], request["end"] = True, 300
    (answer,) = run_job(request)
    assert answer["stop"] in (0, 2) and answer["step"] > 6


def test_a_log_is_searched_like_a_walk() -> None:
    text = "0: R1=ctx(off=0,imm=0) R10=fp0\n0: (b7) r0 = 5\n1: R0_w=5\n1: (07) r0 += 1\n2: R0_w=6\n2: (95) exit\n"
    messages = list(run_job({"kind": "log", "source": text + "processed 3 insns (limit 1000000)\n", "options": {}}))
    assert any(m["type"] == "outline" for m in messages)
    request: dict[str, Any] = {
        "kind": "seek", "stage": "verify", "stops": [{"kind": "condition", "text": "r0 == 6"}], "first": 0, "end": 3,
        "backwards": False, "program": json.dumps({"kind": "log"}),
        "outlines": given(messages, "outline", "verify"), "blocks": given(messages, "block", "verify"),
    }  # fmt: skip
    (answer,) = run_job(request)
    assert answer["step"] == 1


@pytest.mark.parametrize("part", ["outlines", "blocks"])
def test_damaged_bytes_are_said(part: str) -> None:
    messages = said()
    request: dict[str, Any] = {
        "kind": "seek", "stage": "verify", "stops": [{"kind": "change", "name": "r7"}], "first": 0, "end": 300,
        "backwards": False, "program": json.dumps(next(m for m in messages if m["type"] == "program")),
        "outlines": given(messages, "outline", "verify"), "blocks": given(messages, "block", "verify")[:1],
    }  # fmt: skip
    bad = bytearray(base64.b64decode(request[part][0]))
    bad[len(bad) // 2] ^= 0xFF
    request[part] = [base64.b64encode(bytes(bad)).decode()]
    (answer,) = run_job(request)
    assert (answer["type"], answer["code"]) == ("error", DAMAGED)
