"""Windows of a stored walk say what the walk itself would have said."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from playground.jobs.frames import DAMAGED, LOG
from playground.present.run import run_job
from playground.present.walk import CHUNK, FIRST_STEPS, WalkEncoder
from tests.playground.present.programs import LOOP
from vm import pipeline
from vm.pipeline import BuildOptions, Source

C = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx) { return 1; }
SEC("tc") int second(struct __sk_buff *skb) { return skb->len > 100 ? 1 : 2; }
char LICENSE[] SEC("license") = "GPL";
"""


def said(request: dict[str, Any]) -> list[dict[str, Any]]:
    return list(run_job(request))


def window(messages: list[dict[str, Any]], first: int, to: int, stage: str = "verify") -> list[dict[str, Any]]:
    """The answer of a worker that knows nothing but what the run left behind."""
    blocks = [m for m in messages if m["type"] == "block" and m["stage"] == stage and m.get("run", 0) == 0]
    total = blocks[-1]["to"]
    blocks = [m for m in blocks if m["to"] > first and m["from"] < to]
    (program,) = [m for m in messages if m["type"] == "program"]
    request = {
        "kind": "window", "stage": stage, "run": 0, "from": first, "to": to, "total": total,
        "program": json.dumps(program), "blocks": [base64.b64encode(b["data"]).decode() for b in blocks],
    }  # fmt: skip
    return said(request)


def test_every_window_of_a_long_walk_is_what_the_walk_said() -> None:
    messages = said({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}})
    verify = next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)
    program = pipeline.choose(pipeline.load(Source("asm", LOOP.encode(), "program"), BuildOptions()), "")
    walk = pipeline.walk(program)
    list(walk.advance())
    trace = walk.recorder
    assert trace is not None and verify["steps"] == len(trace) > 8_000
    encoder = WalkEncoder(program, trace)
    (told,) = [m for m in messages if m["type"] == "steps" and m["stage"] == "verify"]
    assert told["steps"] == encoder.chunk(0, len(trace))["steps"][:FIRST_STEPS]
    for first in (0, 256, 4090, 4352, len(trace) - 300, len(trace) - 1):
        for chunk in window(messages, first, min(first + 300, len(trace))):
            assert chunk["from"] % CHUNK == 0
            assert chunk == encoder.chunk(chunk["from"], chunk["total"])


def test_no_step_is_encoded_before_somebody_asks_but_the_first() -> None:
    messages = said({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}})
    steps = [m for m in messages if m["type"] == "steps" and m["stage"] == "verify"]
    assert [(m["from"], len(m["steps"])) for m in steps] == [(0, FIRST_STEPS)]


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_window_of_a_compiled_program_needs_no_compiler(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = said({"kind": "c", "source": C, "options": {"program": name}})

    def compile_c(*_: object) -> None:
        raise AssertionError("the compiler is asked")

    monkeypatch.setattr(pipeline, "compile_source", compile_c)
    (chunk,) = window(messages, 0, 1)
    (told,) = [m for m in messages if m["type"] == "steps" and m["stage"] == "verify"]
    assert chunk["steps"] == told["steps"]


def test_damaged_blocks_are_an_error_in_a_sentence() -> None:
    messages = said({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}})
    for message in messages:
        if message["type"] == "block":
            message["data"] = b"\0" * 100
    (answer,) = window(messages, 0, 10)
    assert answer["code"] == DAMAGED and "cannot be read" in answer["message"]


def test_a_block_with_one_wrong_bit_is_damaged_wherever_the_bit_is() -> None:
    messages = said({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}})
    block = next(m for m in messages if m["type"] == "block" and m["stage"] == "verify")
    whole: bytes = block["data"]
    for place in range(0, len(whole), 1 + len(whole) // 60):
        block["data"] = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        (answer,) = window(messages, 0, 10)
        assert answer.get("code") == DAMAGED, place


def stage(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)


def test_the_log_of_a_long_walk_is_written_when_it_is_asked_for() -> None:
    messages = said({"kind": "asm", "source": LOOP, "options": {"prog_type": "xdp"}})
    verify = stage(messages)
    assert verify["log_more"] and "log" not in verify["more"]
    kept = verify["log"].splitlines()
    assert kept[-1].startswith("processed ")
    (gap,) = [i for i, line in enumerate(kept) if "left out" in line]
    assert 30 < gap < len(kept) - 1
    (program,) = [m for m in messages if m["type"] == "program"]
    (answer,) = said({"kind": LOG, "program": json.dumps(program)})
    whole = pipeline.verify(pipeline.choose(pipeline.load(Source("asm", LOOP.encode(), "program"), BuildOptions()), ""))
    assert answer["log_cut"] > 0
    head, tail = answer["log"].splitlines()[:2000], answer["log"].splitlines()[-2000:]
    lines = whole[0].log.splitlines()
    assert (head, tail) == (lines[:2000], lines[-2000:])
    assert kept[:gap] == lines[:gap]
    # What the first lines are of is told as the whole log tells it.
    shown = [tuple(pair) for pair in verify["log_steps"] if pair[0] < gap]
    assert len(shown) > 10 and shown == [tuple(pair) for pair in answer["log_steps"] if pair[0] < gap]
    last = answer["log_steps"][-1]
    assert last[1] == verify["steps"] - 1


REFUSED = LOOP.replace("r7 < 1000", "r7 < 9000").replace("r0 = 0\n    exit", "r0 = *(u8 *)(r0 + 0)\n    exit")


def test_a_long_walk_that_is_refused_says_why_without_its_log() -> None:
    verify = stage(said({"kind": "asm", "source": REFUSED, "options": {"prog_type": "xdp"}}))
    assert verify["log_more"] and verify["verdict"] == "reject"
    assert verify["message"] == "R0 invalid mem access 'scalar'"
    assert verify["log"].splitlines()[-2:][0] == verify["message"]


def test_a_short_walk_has_its_log_at_once() -> None:
    verify = stage(said({"kind": "asm", "source": "r0 = 0\nexit\n", "options": {"prog_type": "xdp"}}))
    assert not verify["log_more"] and "is left out" not in verify["log"]


RUN = "r6 = 0\nloop:\n*(u64 *)(r10 - 8) = r6\nr6 += 1\nif r6 < 2000 goto loop\nr0 = 2\nexit\n"


@pytest.mark.parametrize("options", [{}, {"engine": "interpreter"}, {"verify": False}])
def test_every_window_of_a_run_folds_to_the_same_registers_and_memory(options: dict[str, Any]) -> None:
    messages = said({"kind": "asm", "source": RUN, "options": options})
    (told,) = [m for m in messages if m["type"] == "steps" and m["stage"] == "run"]
    assert (told["from"], len(told["steps"])) == (0, FIRST_STEPS)
    total = told["total"]
    assert total > 6_000
    chunks = window(messages, 0, total, "run") if options.get("verify", True) else unverified(messages, total)
    assert sum(len(chunk["steps"]) for chunk in chunks) == total
    assert chunks[0]["steps"][:FIRST_STEPS] == told["steps"]
    regs: dict[str, str] = {}
    memory: dict[str, dict[str, Any]] = {}
    for chunk in chunks:
        assert chunk["from"] % CHUNK == 0 and chunk["total"] == total
        if chunk["from"]:
            assert chunk["keyframe"]["regs"] == regs
            assert chunk["keyframe"]["mem"] == list(memory.values())
        for step in chunk["steps"]:
            regs |= step["regs"]
            memory |= {write["addr"]: write for write in step.get("mem", ())}
    assert regs["r0"] == "0x2" and len(memory) == 1
    if not options:
        assert all("walk_step" in step for chunk in chunks for step in chunk["steps"])


def unverified(messages: list[dict[str, Any]], total: int) -> list[dict[str, Any]]:
    """The answer about a run of which there is no program."""
    assert all(m["type"] != "program" for m in messages)
    blocks = [base64.b64encode(m["data"]).decode() for m in messages if m["type"] == "block"]
    return said(
        {
            "kind": "window",
            "stage": "run",
            "run": 0,
            "from": 0,
            "to": total,
            "total": total,
            "program": "",
            "blocks": blocks,
        }
    )


def test_steps_of_a_run_are_encoded_when_somebody_asks_and_packets_have_blocks_of_their_own() -> None:
    packet = "ff" * 64
    pcap = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000") + b"".join(
        bytes.fromhex(f"000000000000000040000000{'40000000'}{packet}") for _ in range(3)
    )
    given = {"kind": "pcap", "base64": base64.b64encode(pcap).decode()}
    messages = said({"kind": "asm", "source": RUN, "options": {}, "input": given})
    steps = [(m["run"], m["from"]) for m in messages if m["type"] == "steps" and m["stage"] == "run"]
    assert steps == [(0, 0)]
    blocks = [(m["run"], m["from"]) for m in messages if m["type"] == "block" and m["stage"] == "run"]
    assert blocks == [(run, first) for run in range(3) for first in (0, 4096)]


def test_damaged_blocks_of_a_run_are_an_error_in_a_sentence() -> None:
    messages = said({"kind": "asm", "source": RUN, "options": {}})
    for message in messages:
        if message["type"] == "block" and message["stage"] == "run":
            message["data"] = message["data"][:-1] + b"x"
    (answer,) = window(messages, 0, 10, "run")
    assert answer["code"] == DAMAGED and "cannot be read" in answer["message"]
