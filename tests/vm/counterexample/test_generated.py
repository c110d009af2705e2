"""Programs made at random: what is found faults, and what is proven safe is safe on inputs made at random."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fuzz import generate
from vm import pipeline
from vm.counterexample import child
from vm.counterexample.answers import SAFE
from vm.counterexample.request import request_of
from vm.pipeline import Counterexample
from vm.pipeline.counterexamples import run_on
from vm.program import Object, Program
from vm.trace.recorder import Recorder

SEEDS = range(1000, 1100)
SLOPPY = 0.15
TRIES = 25
SECONDS = 6.0
PACKETS = (1, 3, 6, 8)  # program types that run on one
KEYED_OR_ARRAY = (1, 2, 5, 6, 9)


def random_input(program: Program, made: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"maps": {}}
    if program.prog_type in PACKETS:
        length = made.choice((14, 16, 20, 34, 54, 64, 100, 200))
        found["packet"] = bytes(made.choice((0, 1, 8, 255, made.randrange(256))) for _ in range(length)).hex()
    for spec in program.maps:
        if spec.map_type in KEYED_OR_ARRAY and not spec.frozen:
            value = bytes(made.choice((0, 0, 1, 255, made.randrange(256))) for _ in range(spec.value_size))
            found["maps"][spec.full_name or spec.name] = [[bytes(spec.key_size).hex(), value.hex()]]
    return found


def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Program, Counterexample, list[int]]]:
    """(program, answer, instructions of the rejected path) of the programs of all seeds."""
    # In this process: a child for each would take most of the time.
    monkeypatch.setattr("vm.counterexample.solver.ask", lambda request, seconds: child.answer(request, SECONDS))
    found = []
    for seed in SEEDS:
        program = generate.make(seed, SLOPPY).program()
        obj = Object("made", (program,), program.maps)
        verdict = pipeline.check(obj, program, alone=True, log_level=0, record=True)
        if verdict.verdict != "reject" or verdict.failure is None or verdict.verification is None:
            continue
        answer = pipeline.counterexample(obj, program, verdict)
        if answer is None:
            continue
        trace = verdict.verification.trace
        assert isinstance(trace, Recorder)
        request = request_of(program, trace, verdict.failure.rule, verdict.failure.reg, check_stack=False)
        found.append((program, answer, [step.insn_idx for step in request.steps]))
    return found


def test_answers_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answers(monkeypatch)
    statuses = [answer.status for _, answer, _ in found]
    assert len(found) >= 10 and {"found", "none"} <= set(statuses)
    assert statuses.count("unknown") <= len(found) // 5
    for number, (program, answer, path) in enumerate(found):
        if answer.status == "found":
            done = run_on(None, program, answer.input)
            assert done is not None and done.fault is not None and answer.fault is not None
            assert (done.fault.kind, done.fault.insn_idx) == ("memory", answer.fault.insn_idx)
        elif answer.status == "none" and answer.why == SAFE:
            made = random.Random(number)
            for _ in range(TRIES):
                done = run_on(None, program, random_input(program, made))
                if done is None or done.fault is None or [step.insn_idx for step in done.steps] != path:
                    continue
                assert done.fault.kind != "memory", (program.name, answer.forgotten, done.fault)
