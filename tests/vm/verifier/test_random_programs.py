"""Random programs through the walk: whatever is said, it is a verdict."""

from __future__ import annotations

from functools import cache

import pytest

from fuzz import generate
from vm.program import Program
from vm.verifier.check import verify
from vm.verifier.env import BPF_F_TEST_STATE_FREQ, VerifyOptions


@cache
def programs() -> tuple[Program, ...]:
    return tuple(generate.make(seed, sloppy=0.1).program(f"p{seed}") for seed in range(80))


@pytest.mark.parametrize("privileged", [True, False])
def test_every_program_gets_a_verdict(privileged: bool) -> None:
    results = [verify(p, VerifyOptions(2, record=False, privileged=privileged)) for p in programs()]
    verdicts = [r.verdict for r in results]
    assert "reject" in verdicts and (not privileged or "accept" in verdicts)
    assert all(r.log.rstrip().split("\n")[-1].startswith("processed ") for r in results)
    assert not any("BUG" in r.log or "internal error" in r.log for r in results)


def test_more_checkpoints_change_no_verdict() -> None:
    often = VerifyOptions(0, record=False, prog_flags=BPF_F_TEST_STATE_FREQ)
    for program in programs():
        assert verify(program, often).verdict == verify(program, VerifyOptions(0, record=False)).verdict
