"""The shape of a stored walk: what a worker answers that knows nothing but what the run left, and the tree's list."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from playground.jobs.frames import GRAPH, ROUNDS, STATES, WANTED
from playground.jobs.record import HEAD_BYTES
from playground.messages import told
from playground.present.analyses import analysis_job, ranges
from playground.present.reads import READS
from playground.present.run import run_job

LOOP = """.type xdp
    r6 = r1
    r7 = 0
loop:
    call 7
    if r0 > 100 goto skip
    r7 += 1
skip:
    r7 += 1
    if r7 < {rounds} goto loop
    r0 = 0
    exit
"""
MERGE = """.type xdp
    call 7
    r7 = 0
    if r0 == 0 goto both
    r7 = 1
both:
    r1 = 1
    r2 = 1
    r3 = 1
    r4 = 1
    if r0 == 5 goto end
end:
    r0 = 1
    exit
"""
Message = dict[str, Any]


def said(source: str) -> list[Message]:
    return list(run_job({"kind": "asm", "source": source, "options": {"prog_type": "xdp"}}))


def asked(messages: list[Message], kind: str, near: list[int] | None = None, **ask: Any) -> Message:
    """The answer to a question. near: numbers of the blocks that the worker has at first."""
    walk = [m["data"] for m in messages if m["type"] == "block" and m["stage"] == "verify"]
    program = next(m for m in messages if m["type"] == "program")
    numbers = list(range(len(walk))) if near is None else near
    for round_ in range(4):
        request = {
            "kind": kind, "program": json.dumps(program), "more": round_ < 3, "runs": [],
            "heads": [base64.b64encode(data[:HEAD_BYTES]).decode() for data in walk],
            "blocks": {n: base64.b64encode(walk[n]).decode() for n in numbers},
            "ask": {"type": kind, **ask, "total": 0},
        }  # fmt: skip
        (answer,) = READS[kind](request)
        if answer["type"] != WANTED:
            told.read(json.dumps(answer))
            return answer
        numbers = sorted({*numbers, *answer["blocks"]})
    raise AssertionError("it never had enough")


def verified(messages: list[Message]) -> Message:
    return next(m for m in messages if m["type"] == "stage" and m["stage"] == "verify" and m["status"] == "done")


def test_the_tree_of_a_short_walk_goes_with_the_verdict() -> None:
    verify = verified(said(MERGE))
    told.read(json.dumps(verify))
    assert len(verify["tree"]) == verify["paths_total"] > 1
    for row, path in zip(verify["tree"], verify["paths"], strict=True):
        assert row[:6] == [path[k] for k in ("parent", "push_step", "first_step", "last_step", "end", "pruned_by")]


def test_the_tree_of_a_long_walk_is_told_in_parts() -> None:
    messages = said(LOOP.format(rounds=600))
    verify = verified(messages)
    assert verify["tree"] == []
    total = verify["more"]["tree"]
    assert total == verify["paths_total"] > 400
    parts = [m for m in messages if m["type"] == "part" and m["list"] == "tree"]
    for part in parts:
        told.read(json.dumps(part))
    rows = [row for part in parts for row in part["items"]]
    assert len(rows) == total
    assert rows[0][:4] == [-1, -1, 0, rows[0][3]]


def test_both_states_of_a_pruning() -> None:
    messages = said(MERGE)
    (pruning, *_) = [each for each in verified(messages)["prunings"] if each["compared"]]
    answer = asked(messages, STATES, step=pruning["after"], path=pruning["path"], checkpoint=pruning["checkpoint"])
    assert answer["insn"] == pruning["insn"]
    for name, stored, arrived, _ in pruning["compared"]:
        assert (answer["stored"][name]["t"], answer["arrived"][name]["t"]) == (stored, arrived)
    assert all("w" in reg for reg in (*answer["stored"].values(), *answer["arrived"].values()))


def test_both_states_of_a_comparison_that_failed() -> None:
    messages = said(LOOP.format(rounds=30))
    arrival = next(each for each in verified(messages)["arrivals"] if each["name"])
    name = arrival["name"]
    answer = asked(messages, STATES, step=arrival["after"], path=arrival["path"], checkpoint=arrival["checkpoint"])
    assert answer["stored"][name] != answer["arrived"][name]


@pytest.mark.parametrize(
    "ask", [{"checkpoint": 10**9, "path": 0, "step": 3}, {"checkpoint": 0, "path": 10**6, "step": 3}]
)
def test_states_that_are_not_there(ask: Message) -> None:
    answer = asked(said(MERGE), STATES, **ask)
    assert (answer["type"], answer["code"], answer["asked"]) == ("error", "window", STATES)


def test_rounds_say_what_changed() -> None:
    messages = said(LOOP.format(rounds=30))
    answer = asked(messages, ROUNDS, step=40, insn=2)
    found = answer["rounds"]
    assert (len(found), answer["begun"], answer["ended"]) == (15, True, True)
    assert {"r6", "r10"} <= set(found[0]["set"])
    for number, each in enumerate(found):
        assert each["set"]["r7"]["s"]["umin"] == str(2 * number)
        assert number == 0 or "r10" not in each["set"]


def test_blocks_that_are_needed_are_asked_for() -> None:
    messages = said(LOOP.format(rounds=2000))
    blocks = [m for m in messages if m["type"] == "block" and m["stage"] == "verify"]
    assert len(blocks) > 3
    whole = asked(messages, ROUNDS, step=blocks[2]["from"] + 10, insn=2)
    assert asked(messages, ROUNDS, near=[2], step=blocks[2]["from"] + 10, insn=2) == whole
    assert len(whole["rounds"]) > 100


def test_the_graph_of_a_program() -> None:
    request = {"kind": "asm", "source": LOOP.format(rounds=3), "options": {"prog_type": "xdp"}}
    (answer,) = analysis_job({"kind": GRAPH, "request": request})
    told.read(json.dumps(answer))
    assert [(each["kind"], each["insn"]) for each in answer["loops"]] == [("loop", 2)]
    assert answer["loops"][0]["ranges"] == [(2, 6)]
    assert (len(answer["functions"]), answer["left_out"]) == (1, 0)


def test_ranges() -> None:
    assert ranges([]) == []
    assert ranges([5, 3, 4, 9]) == [(3, 5), (9, 9)]
    # A load of 64 bits takes two slots, of which only the first is an instruction.
    assert ranges([3, 5, 6]) == [(3, 6)]
