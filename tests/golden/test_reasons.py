"""The trace of the recorded programs, held against the logs the kernel wrote of them and against itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.golden.test_verifier import loaded, recordings
from vm import pipeline
from vm.trace.recorder import Recorder
from vm.trace.records import Verification
from vm.trace.snapshots import names_in
from vm.verifier.rules.catalogue import rule_named

GOLDENS = recordings()
MARK = re.compile(r"mark_precise: frame(\d+): regs=(\S*) stack=(\S*) before (\d+): ")


def walked(golden: dict[str, Any]) -> tuple[Verification, Recorder]:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    verification, _ = pipeline.verify(program, log_level=0)
    assert isinstance(verification.trace, Recorder)
    return verification, verification.trace


def marks_of(log: str) -> list[tuple[int, tuple[str, ...]]]:
    """(instruction, names) of the kernel's mark_precise lines."""
    found = []
    for frame, regs, stack, insn in MARK.findall(log):
        mask = sum(1 << int(r[1:]) for r in regs.split(",") if r)
        slots = sum(1 << (-int(s) // 8 - 1) for s in stack.split(",") if s)
        found.append((int(insn), names_in(int(frame), mask, slots)))
    return found


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda g: f"{g['file']}:{g['prog']}")
def test_the_trace_is_what_the_kernel_logged(golden: dict[str, Any]) -> None:
    verification, trace = walked(golden)
    log = golden["log2"]
    # Without a log the instructions that change nothing are left out; the others are in the kernel's order.
    said = iter(marks_of(log))
    links = [(c.insn_idx, c.names) for mark in trace.precision for c in mark.chain if c.insn_idx >= 0]
    assert all(link in said for link in links)
    assert bool(links) == bool(marks_of(log))
    assert len([p for p in trace.prunings if p.rule != "endless"]) == len(re.findall(r": safe$", log, re.MULTILINE))
    taken = {h.id for h in trace.holdings if h.kind == "reference"}
    assert {int(x) for refs in re.findall(r" refs=([\d,]+)", log) for x in refs.split(",")} <= taken


REJECTED = [golden for golden in GOLDENS if golden["verdict"] == "reject"]


@pytest.mark.parametrize("golden", REJECTED, ids=lambda g: f"{g['file']}:{g['prog']}")
def test_a_refusal_is_explained(golden: dict[str, Any]) -> None:
    verification, trace = walked(golden)
    failure = verification.failure
    assert failure is not None
    if not failure.message:
        return  # the kernel says nothing either
    assert failure.message in golden["log2"].splitlines()
    assert rule_named(failure.rule).category == failure.category
    assert failure.needed
    if re.search(r"\bR\d+\b", failure.message):
        assert re.fullmatch(r"(\d:)?(r\d+|fp-\d+)", failure.reg)
        assert failure.proven_text.startswith(failure.reg) or failure.reg in failure.proven_text
    steps = [cause.step for cause in failure.causes]
    assert steps == sorted(steps)
    assert failure.causes[-1].kind == "failed"
    for cause in failure.causes[:-1]:
        if cause.step >= 0:
            assert trace.insn_idx(cause.step) == cause.insn_idx
        if (
            cause.kind in ("move", "arithmetic", "spill", "fill", "load", "value", "call", "argument")
            and cause.step >= 0
        ):
            assert cause.name in trace.step(cause.step).writes
    proven = failure.proven
    if proven is not None and proven.written_at >= 0:
        assert failure.reg in trace.step(proven.written_at).writes


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda g: f"{g['file']}:{g['prog']}")
def test_every_slot_has_its_writer(golden: dict[str, Any]) -> None:
    _, trace = walked(golden)
    for i in range(0, len(trace), max(1, len(trace) // 60)):
        for name, view in trace.state(i).items():
            if view.written_at >= 0:
                # What a callback starts with was written by the call that pushed it, whose step goes on after it.
                called = ":" in name and trace.called(trace.insn_idx(view.written_at))
                assert called or name in trace.step(view.written_at).writes, (i, name)
            else:
                assert name in ("r1", "r2", "r3", "r4", "r5") or name.endswith("r10")
