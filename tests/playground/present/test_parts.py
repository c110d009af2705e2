"""Long lists: the stage's message holds the beginning, and parts hold them whole."""

from __future__ import annotations

import base64
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from playground.jobs.frames import LAZY
from playground.messages.told import read
from playground.present import parts as module
from playground.present import run
from playground.present.parts import divided, parts, sampled, size
from playground.present.run import run_job
from playground.present.walk import path_marks
from vm.trace.records import Path as WalkPath

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"
LOOP = "r0 = 0\nloop:\nr0 += 1\nif r0 < {} goto loop\nr0 = 2\nexit\n"
HELD = """
.type xdp
.map ring ringbuf 0 0 4096
r9 = *(u32 *)(r1 + 16)
r8 = 0
again:
r1 = map[ring] ll
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto next
if r9 > 9 goto give
r9 += 1
give:
r1 = r0
r2 = 0
call bpf_ringbuf_submit
next:
r8 += 1
if r8 < 3 goto again
r0 = 2
exit
"""
Json = dict[str, Any]


def test_a_short_list_stays_in_its_message() -> None:
    assert divided([{"n": n} for n in range(10)], 1000, 10) == ([{"n": n} for n in range(10)], None)
    assert divided([], 1000, 10) == ([], None)


def test_of_a_long_list_the_message_holds_the_beginning_and_no_more_is_made() -> None:
    made = count()
    items = ({"n": n, "text": "x" * 90, "made": next(made)} for n in range(1000))
    head, rest = divided(items, 3000, 1000)
    assert [item["n"] for item in head] == list(range(len(head))) and len(head) > 5
    assert sum(map(size, head)) <= 1000
    assert next(made) < 40
    assert rest is not None
    assert [item["n"] for item in rest][:30] == list(range(30))


def test_of_many_records_only_those_that_are_told_are_made() -> None:
    made = count()
    items = ({"n": n, "text": "x" * 90, "made": next(made)} for n in range(1000))
    head, rest = divided(items, 3000, 1000, records=1000)
    assert len(head) > 5 and sum(map(size, head)) <= 1000
    assert next(made) < 15
    assert rest is not None
    assert [item["n"] for item in rest] == list(range(1000))
    assert divided([{"n": 1}] * 70, 3000, 1000, records=70) == ([{"n": 1}] * 70, None)


def test_an_item_larger_than_the_beginning_is_told_all_the_same() -> None:
    head, rest = divided(["x" * 5000] * 9, 10_000, 1000)
    assert len(head) == 1 and rest is not None


def test_parts_follow_each_other_and_are_no_longer_than_they_may_be() -> None:
    items = [{"n": n, "text": "x" * (n % 300)} for n in range(3000)]
    said = list(parts("paths", items))
    assert [item for part in said for item in part["items"]] == items
    at = 0
    for part in said:
        assert part["from"] == at and len(json.dumps(part["items"], separators=(",", ":"))) < module.PART_BYTES + 2
        at += len(part["items"])
    assert list(parts("paths", [])) == []
    assert [len(part["items"]) for part in parts("log", ["y" * 50_000] * 3)] == [1, 1, 1]


def test_pairs_are_thinned_from_the_first() -> None:
    assert sampled([(n, n) for n in range(10)], 4) == [(0, 0), (4, 4), (8, 8)]


def test_marks_are_thinned_out_by_place_and_kind() -> None:
    paths = [WalkPath(i, i - 1, i - 1, i, i, "safe", 0) for i in range(10_000)]
    marks = path_marks(paths, 10_000)
    assert (len(marks["fork"]), len(marks["safe"]), marks["exit"]) == (250, 250, [])
    assert path_marks(paths[:3], 3)["fork"] == [0, 1]
    assert path_marks([], 0) == {"fork": [], "safe": [], "exit": [], "reject": []}


def said(request: Json) -> list[Json]:
    return list(run_job(request))


def elf(name: str, **options: Any) -> Json:
    data = base64.b64encode((OBJECTS / name).read_bytes()).decode()
    return {"kind": "elf", "source": data, "options": options, "input": {"kind": "none"}}


def stage(messages: list[Json], name: str) -> Json:
    return next(m for m in messages if m["type"] == "stage" and m["stage"] == name and m["status"] != "working")


def asked_for(messages: list[Json], name: str, first: int = 0, to: int = 100_000) -> list[Json]:
    """The `part` messages that a worker makes of a list of LAZY, from what the run left."""
    left = {m["type"]: json.dumps(m) for m in messages if m["type"] in ("program", "reasons")}
    request = {"kind": "parts", "program": left["program"], "numbers": left.get("reasons", ""), "list": name}
    return list(run_job({**request, "from": first, "to": to})) if "reasons" in left else []


def items(messages: list[Json], name: str) -> list[Any]:
    of_list = asked_for(messages, name) if name in LAZY else messages
    return [item for m in of_list if m["type"] == "part" and m["list"] == name for item in m["items"]]


@pytest.mark.parametrize(
    ("request_", "lists"),
    [
        (elf("xdp.o", program="flow_count"), {"insns", "listing", "log", "paths", "prunings"}),
        (elf("calls.o", program="two_calls"), {"insns", "listing", "log"}),
        ({"kind": "asm", "source": LOOP.format(20), "options": {}}, {"log", "arrivals"}),
        ({"kind": "asm", "source": HELD, "options": {}}, {"paths", "precision", "holdings"}),
    ],
)
def test_parts_hold_what_the_message_of_an_unlimited_list_would(
    request_: Json, lists: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = said(request_)
    assert all(m["type"] != "part" for m in whole)
    monkeypatch.setattr(divided, "__defaults__", (300, 100))
    for name, value in (("INSNS_WHOLE", 500), ("INSNS_HEAD", 200)):
        monkeypatch.setattr(run, name, value)
    for name, value in (("LOG_WHOLE", 500), ("LOG_HEAD", 200), ("LOG_TAIL", 100)):
        monkeypatch.setattr(f"playground.present.walk.{name}", value)
    cut = said(request_)
    found = {m["list"] for m in cut if m["type"] == "part"} | set(stage(cut, "verify")["more"]) & set(LAZY)
    assert not {m["list"] for m in cut if m["type"] == "part"} & set(LAZY)
    assert lists <= found
    for name in found - {"log"}:
        where = {"insns": "load", "listing": "jit"}.get(name, "verify")
        told, all_ = stage(cut, where), stage(whole, where)[name]
        assert items(cut, name) == all_ and told["more"][name] == len(all_)
        assert told[name] == all_[: len(told[name])] and len(told[name]) < len(all_)
    before, after = stage(whole, "verify"), stage(cut, "verify")
    lines = items(cut, "log")
    assert [line for line, _ in lines] == before["log"].splitlines()
    assert [[i, step] for i, (_, step) in enumerate(lines) if step >= 0] == [list(p) for p in before["log_steps"]]
    assert after["more"]["log"] == len(lines) and after["log_more"]
    shown = after["log"].splitlines()
    head = after["log_head"]
    assert shown[:head] == before["log"].splitlines()[:head]
    assert shown[head + 1 :] == before["log"].splitlines()[-(len(shown) - head - 1) :]
    for line, step in after["log_steps"]:
        at = line if line < head else line + len(lines) - len(shown)
        assert lines[at][1] == step
    if "insns" in found:
        told = stage(cut, "load")
        insns = stage(whole, "load")["insns"]
        assert told["wide"] == [insn["idx"] for insn in insns if len(insn["hex"]) > 16]
        line_of = dict(told["line_info"])
        known: int | None = None
        for insn in insns:
            known = line_of.get(insn["idx"], known)
            assert insn["line"] == known
        assert told["func_info"] == [[insn["idx"], insn["func"]] for insn in insns if insn.get("func")]
    for message in cut:
        if message["type"] in ("stage", "part"):
            read(json.dumps(message))


def sent(messages: list[Json]) -> int:
    """Bytes that a page gets which asks for nothing."""
    unasked = [
        m
        for m in messages
        if m["type"] in ("stage", "limit", "error") or (m["type"] == "steps" and m["from"] == 0 and not m.get("run"))
    ]
    return sum(len(json.dumps(m, separators=(",", ":"), ensure_ascii=False).encode()) for m in unasked)


def test_a_walk_of_many_steps_sends_little_before_somebody_asks() -> None:
    messages = said({"kind": "asm", "source": LOOP.format(50_000), "options": {}})
    verify = stage(messages, "verify")
    assert verify["steps"] > 99_000 and verify["verdict"] == "accept"
    assert sent(messages) < 100_000
    # It is not that there is nothing to ask for.
    assert verify["more"]["arrivals"] == len(items(messages, "arrivals")) == 500


def test_a_part_holds_the_items_that_were_asked_for() -> None:
    messages = said({"kind": "asm", "source": LOOP.format(2000), "options": {}})
    every = items(messages, "arrivals")
    (part,) = asked_for(messages, "arrivals", 100, 130)
    assert part["from"] == 100 and part["items"] == every[100:130]
    (part,) = asked_for(messages, "arrivals", 490, 600)
    assert part["from"] == 490 and part["items"] == every[490:]
    assert asked_for(messages, "arrivals", 500, 600) == asked_for(messages, "holdings") == []


def test_damaged_numbers_are_an_error() -> None:
    messages = said({"kind": "asm", "source": LOOP.format(2000), "options": {}})
    for message in messages:
        if message["type"] == "reasons":
            message["starts"] = []
    (error,) = asked_for(messages, "arrivals")
    assert (error["type"], error["code"]) == ("error", "damaged")


def test_what_is_only_asked_for_is_said_after_the_last_stage() -> None:
    messages = said({"kind": "asm", "source": LOOP.format(400), "options": {}})
    kinds = ("stage", "part", "reasons")
    order = [m["stage"] if m["type"] == "stage" else m["type"] for m in messages if m["type"] in kinds]
    assert "part" in order and set(order[order.index("part") :]) == {"part"}
    # What a worker makes paths and reasons from is there as soon as a client knows that there are more of them.
    assert order[order.index("reasons") - 1] == "verify" and order[order.index("reasons") + 1] == "jit"


def test_a_program_that_is_refused_is_told_what_can_be_asked_for() -> None:
    messages = said({"kind": "asm", "source": LOOP.format(400).replace("r0 = 2\n", "r0 = r7\n"), "options": {}})
    verify = stage(messages, "verify")
    assert verify["verdict"] == "reject"
    assert verify["log"].splitlines()[-2] == verify["message"]
    assert len(items(messages, "log")) == verify["more"]["log"]
