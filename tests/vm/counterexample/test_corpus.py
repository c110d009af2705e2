"""Programs whose memory access is rejected: each is answered, and what is said to fault does."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.corpus import sampled
from vm import pipeline
from vm.counterexample.answers import SAFE
from vm.pipeline import BuildOptions, Counterexample, Source, Verdict
from vm.pipeline.counterexamples import run_on
from vm.program import Object, Program

CORPUS = Path(__file__).parents[2] / "corpus" / "memory"
FILES = sorted(path.stem for path in CORPUS.glob("*.c"))
SECONDS = 10.0
ANSWERED = 0.8
TRIES = 40

# What the path proves, told from the program: nothing can go wrong, or something does.
SAFE_ONES = {
    "bpf_loop_never", "helper_size_zero", "packet_after_adjust", "packet_checked_by_difference",
    "packet_checked_by_length", "packet_meta", "spilled_bound", "value_null_array", "value_product", "value_sum",
}  # fmt: skip
NOT_ANSWERED: set[str] = set()


@cache
def rejected(name: str) -> tuple[Object, Program, Verdict]:
    path = CORPUS / f"{name}.c"
    source = Source("c", path.read_bytes(), path.name)
    compiled = pipeline.compile_source(source, BuildOptions())
    assert compiled.ok, compiled.diagnostics
    obj = pipeline.load(source, BuildOptions(), compiled.object)
    program = pipeline.choose(obj, "prog")
    return obj, program, pipeline.check(obj, program, alone=True, log_level=0, record=True)


@cache
def answer(name: str) -> tuple[Counterexample | None, float]:
    obj, program, verdict = rejected(name)
    started = time.monotonic()
    found = pipeline.counterexample(obj, program, verdict, seconds=SECONDS)
    return found, time.monotonic() - started


@pytest.mark.parametrize("name", sampled(FILES))
def test_it_is_rejected_and_answered_in_time(name: str) -> None:
    _, _, verdict = rejected(name)
    assert verdict.verdict == "reject"
    found, seconds = answer(name)
    assert found is not None and found.why
    wanted = "none" if name in SAFE_ONES else "unknown" if name in NOT_ANSWERED else "found"
    assert found.status == wanted
    assert seconds < SECONDS + 2  # a run of the answer and a busy machine


@pytest.mark.corpus
def test_most_are_answered() -> None:
    statuses = [found.status for found, _ in (answer(name) for name in FILES) if found is not None]
    answered = sum(status != "unknown" for status in statuses) / len(statuses)
    found, safe = statuses.count("found"), statuses.count("none")
    print(f"{len(statuses)} rejected accesses: {found} inputs, {safe} safe: {answered:.0%} answered")
    assert len(statuses) >= 40
    assert answered >= ANSWERED


@pytest.mark.parametrize("name", sampled(FILES))
def test_an_input_that_is_found_faults_there(name: str) -> None:
    found, _ = answer(name)
    if found is None or found.status != "found":
        return
    obj, program, verdict = rejected(name)
    # As a person would run it: from the text of the file.
    done = run_on(obj, program, json.loads(json.dumps(found.input)))
    assert done is not None and done.fault is not None and found.fault is not None
    assert done.fault.kind == "memory"
    assert (done.fault.insn_idx, done.fault.message) == (found.fault.insn_idx, found.fault.message)
    assert len(found.fault.registers) == 11 and done.steps[-1].regs == found.fault.registers
    assert verdict.failure is not None
    refused = program.insns[verdict.failure.insn_idx]
    if refused.code & 7 not in (4, 7):  # of arithmetic, the access behind it faults
        assert done.fault.insn_idx == verdict.failure.insn_idx


def random_inputs(program: Program, seed: int) -> Iterator[dict[str, object]]:
    made = random.Random(seed)
    for _ in range(TRIES):
        length = made.choice((14, 20, 34, 60, 90))
        packet = bytes(made.choice((0, 1, 8, 255, made.randrange(256))) for _ in range(length))
        maps = {}
        for spec in program.maps:
            if spec.map_type in (1, 2, 5, 6, 9) and not spec.frozen:
                words = (made.choice((0, 1, 7, 16, 0xFFFFFFFF)).to_bytes(4, "little") for _ in range(spec.value_size))
                value = b"".join(words)[: spec.value_size]
                maps[spec.full_name or spec.name] = [[bytes(spec.key_size).hex(), value.hex()]]
        yield {"packet": packet.hex(), "maps": maps}


@pytest.mark.parametrize("name", sorted(SAFE_ONES))
def test_what_is_said_to_be_safe_does_not_fault_on_other_inputs(name: str) -> None:
    obj, program, verdict = rejected(name)
    found, _ = answer(name)
    assert found is not None and verdict.failure is not None
    reached = 0
    for each in random_inputs(program, 1):
        done = run_on(obj, program, each)
        assert done is not None
        reached += any(step.insn_idx == verdict.failure.insn_idx for step in done.steps)
        assert done.fault is None or done.fault.insn_idx != verdict.failure.insn_idx
    assert reached


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("packet_meta", "14 bytes of its Ethernet header"),
        ("packet_checked_by_length", "the comparison at instruction 2 (line 11)"),
        ("value_null_array", "does not look at the key"),
        ("value_sum", "the registers compared are others"),
        ("value_product", "does not follow the 32-bit subtraction"),
    ],
)
def test_what_the_verifier_forgot_is_said(name: str, text: str) -> None:
    found, _ = answer(name)
    assert found is not None
    assert found.why == SAFE
    assert text in found.forgotten
