"""Random programs through the walk: whatever is said, it is a verdict."""

from __future__ import annotations

from functools import cache

import pytest

from fuzz import generate
from vm.caps import NOBODY, ROOT, Caps
from vm.kernel.types import BPF_PROG_TYPE_SOCKET_FILTER
from vm.pipeline.bpf_check import Walk, verify
from vm.program import Program
from vm.trace.records import Verification
from vm.verifier.env import BPF_F_TEST_STATE_FREQ, VerifyOptions


@cache
def programs() -> tuple[Program, ...]:
    return tuple(generate.make(seed, sloppy=0.1).program(f"p{seed}") for seed in range(80))


def short_walk(program: Program, options: VerifyOptions) -> Verification | None:
    """None where the walk is long: without CAP_PERFMON, speculation can go a loop's every way."""
    walk = Walk(program, options)
    for _ in walk.advance():
        if walk.env.insn_processed > 3000:
            return None
    return walk.result()


@pytest.mark.parametrize("caps", [ROOT, frozenset({"bpf", "net_admin"}), NOBODY], ids=["root", "some", "nobody"])
def test_every_program_gets_a_verdict(caps: Caps) -> None:
    options = VerifyOptions(2, record=False, caps=caps)
    mine = [p for p in programs() if caps or p.prog_type == BPF_PROG_TYPE_SOCKET_FILTER]
    results = [r for p in mine[:40] if (r := short_walk(p, options)) is not None]
    assert {r.verdict for r in results} == {"accept", "reject"}
    assert all(r.log.rstrip().split("\n")[-1].startswith("processed ") for r in results)
    assert not any("BUG" in r.log or "internal error" in r.log for r in results)


def test_more_checkpoints_change_no_verdict() -> None:
    often = VerifyOptions(0, record=False, prog_flags=BPF_F_TEST_STATE_FREQ)
    for program in programs():
        assert verify(program, often).verdict == verify(program, VerifyOptions(0, record=False)).verdict
