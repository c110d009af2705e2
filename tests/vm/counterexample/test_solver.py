"""The child process: limited, confined, and asked from a process that is confined itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vm import pipeline
from vm.counterexample import solver
from vm.counterexample.request import MAX_STEPS, Request, TooLongError, request_of
from vm.pipeline import BuildOptions, Source
from vm.trace.recorder import Recorder

ROOT = Path(__file__).parents[3]
UNBOUNDED = b"""
r6 = r1
r1 = *(u32 *)(r6 + 0)
r2 = *(u32 *)(r6 + 4)
r0 = *(u8 *)(r1 + 40)
exit
"""


def question(source: bytes = UNBOUNDED) -> Request:
    obj = pipeline.load(Source("asm", source, "p.s"), BuildOptions())
    program = obj.programs[0]
    verdict = pipeline.check(obj, program, log_level=0, record=True)
    assert verdict.failure is not None and verdict.verification is not None
    trace = verdict.verification.trace
    assert isinstance(trace, Recorder)
    return request_of(program, trace, verdict.failure.rule, verdict.failure.reg, check_stack=False)


def test_an_answer_comes_from_the_child() -> None:
    found = solver.ask(question())
    assert found["status"] == "sat" and found["inputs"]


@pytest.mark.parametrize(("seconds", "why"), [(0.01, "stopped after 0.01 seconds")])
def test_a_search_that_takes_too_long_is_ended(seconds: float, why: str) -> None:
    found = solver.ask(question(), seconds)
    assert found["status"] == "unknown" and why in found["why"]


def test_an_answer_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = question()._replace(insns=())
    found = solver.ask(broken)
    assert found["status"] == "unknown" and "without an answer" in found["why"]


@pytest.mark.parametrize(
    "found",
    [
        None, [], {}, {"status": "other"}, {"status": ["sat"]}, {"status": "sat"},
        {"status": "sat", "insn": "1", "inputs": []}, {"status": "sat", "insn": True, "inputs": []},
        {"status": "sat", "insn": 1, "inputs": {}}, {"status": "unsat", "forgotten": ["text"]},
        {"status": "unsat", "forgotten": [1, 2]}, {"status": "unsat", "forgotten": [], "race": {"insn": 1}},
        {"status": "unknown"},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(found: object) -> None:
    assert not solver.is_answer(found)


@pytest.mark.parametrize(
    "found",
    [
        {"status": "sat", "insn": 1, "inputs": [{}]}, {"status": "unsat", "forgotten": []},
        {"status": "unsat", "forgotten": ["text {at}", -1], "race": {"status": "sat", "insn": 2, "inputs": []}},
        {"status": "unknown", "why": "too long"},
    ],
)  # fmt: skip
def test_an_answer_is_taken(found: object) -> None:
    assert solver.is_answer(found)


def test_a_path_that_is_too_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_STEPS > 1000
    monkeypatch.setattr("vm.counterexample.request.MAX_STEPS", 2)
    with pytest.raises(TooLongError):
        question()


CONFINED = """
import pickle, sys
from vm.counterexample import solver
from vm.counterexample.child import answer  # imports what the request is made of
from vm.sandbox import Limits, confine_self
request = pickle.load(open(sys.argv[1], "rb"))
solver.start()
held = confine_self(write=[], limits=Limits(cpu=None, memory=None))
try:
    open("/etc/passwd").close()
    print("not confined", held)
except OSError:
    pass
print(solver.ask(request)["status"])
"""


def test_a_confined_process_can_ask(tmp_path: Path) -> None:
    import pickle

    file = tmp_path / "request"
    file.write_bytes(pickle.dumps(question()))
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split("\n")[-2:] == ["sat", ""], (done.stdout, done.stderr)
