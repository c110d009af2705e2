"""Searches for an input that makes a rejected memory access fail, and runs it before reporting it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.pipeline.running import execute
from vm.pipeline.translation import unverified
from vm.pipeline.verdicts import Verdict, verify
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.runner.execution import Execution
    from vm.trace.records import Failure
    from vm.trace.stored import StoredTrace

SECONDS: Final = 10.0
RACE: Final = (
    " It takes another CPU or user space that writes the map's value between two reads; alone, the program is safe on "
    "this path."
)
SPECULATIVE: Final = (
    "Only a processor that mispredicts a branch goes this way; for users without CAP_PERFMON the verifier refuses what "
    "could be seen of it."
)
ALONE: Final = (
    " The function is global: it is verified by itself, for all arguments, whatever its callers give it. It is called "
    "with such arguments here."
)
_RUN_INSNS: Final = 2_000_000
_RUN_STEPS: Final = 200_000
_RUN_SECONDS: Final = 1.5
MAX_INPUTS: Final = 3


class Fault(NamedTuple):
    """Where and why the run stopped, with the values of r0 to r10."""

    insn_idx: int
    message: str
    registers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """status -- found: a run with `input` stops at `fault`; none: no input does so on the rejected path; unknown

    why       -- one or two sentences for a person
    input     -- what `run --input FILE.json` takes (docs/counterexample.md)
    forgotten -- for none: which fact the verifier had lost, "" if that was not found
    """

    status: Literal["found", "none", "unknown"]
    why: str
    input: dict[str, Any] | None = None
    fault: Fault | None = None
    forgotten: str = ""


def prepare() -> None:
    """Starts the process that starts the search's child processes; called before the process is confined.

    Raises InternalError if it does not start.
    """
    from vm.counterexample.solver import start

    start()


def of_walk(
    obj: Object | None,
    program: Program,
    failure: Failure,
    trace: StoredTrace,
    *,
    seconds: float = SECONDS,
) -> Counterexample | None:
    """The answer for a rejection; None if the rejection is not about a memory access.

    trace -- the recorded walk that ended in `failure`, whole
    """
    from vm.counterexample.answers import SAFE, UNINITIALIZED, applies, no_fault
    from vm.counterexample.request import TooLongError, request_of
    from vm.counterexample.solver import ask

    register = failure.reg.rpartition(":")[2]
    regno = int(register[1:]) if register[:1] == "r" else -1
    if not applies(program, failure.rule, failure.insn_idx, regno) or not len(trace):
        return None
    check_stack = failure.rule in UNINITIALIZED
    try:
        request = request_of(program, trace, failure.rule, failure.reg, check_stack=check_stack)
    except TooLongError:
        return Counterexample("unknown", "The path that was rejected has more steps than the search follows.")
    until = time.monotonic() + seconds
    found = ask(request, max(seconds - _RUN_SECONDS, 1.0))
    if found["status"] == "unsat":
        race = found.get("race")
        raced = _tried(obj, program, int(race["insn"]), race["inputs"], until, RACE) if race else None
        if raced is not None:
            return raced
        path = trace.path_by_id(trace.path_of(len(trace) - 1))
        told = "" if no_fault(failure.rule) else _forgotten(program, found.get("forgotten"))
        told = SPECULATIVE if path.speculative else told
        return Counterexample("none", no_fault(failure.rule) or SAFE, forgotten=told)
    if found["status"] == "unknown":
        return Counterexample("unknown", str(found.get("why", "")))
    return _tried(obj, program, int(found["insn"]), found["inputs"], until) or _not_reached(failure.rule)


def _forgotten(program: Program, found: object) -> str:
    """The search's sentence, with the instruction's place in the source."""
    if not isinstance(found, list) or len(found) != 2:
        return ""
    text, insn_idx = str(found[0]), int(found[1])
    known = insn_idx >= 0 and program.line_of(insn_idx) is not None
    return text.replace("{at}", f"at instruction {insn_idx}" + (f" ({program.where(insn_idx)})" if known else ""))


def _not_reached(rule: str) -> Counterexample:
    from vm.counterexample.answers import no_fault

    said = no_fault(rule)
    if said:
        return Counterexample("none", said)
    return Counterexample("unknown", "The solver found an input, but the run on it did not stop at this instruction.")


def _tried(
    obj: Object | None, program: Program, insn_idx: int, inputs: list[Any], until: float, also: str = ""
) -> Counterexample | None:
    """The first input with which the run fails at the rejected access.

    until -- deadline as time.monotonic(); a run may take _RUN_SECONDS even after it
    """
    for each in inputs[:MAX_INPUTS]:
        done = run_on(obj, program, each, max(until - time.monotonic(), _RUN_SECONDS))
        if done is None or done.fault is None or done.fault.kind != "memory" or done.fault.insn_idx != insn_idx:
            continue
        registers = done.steps[-1].regs if done.steps else ()
        if "start" in each:
            also += ALONE
        why = f"Run on this input, the program stops at instruction {done.fault.insn_idx}: {done.fault.message}.{also}"
        return Counterexample("found", why, each, Fault(done.fault.insn_idx, done.fault.message, registers))
    return None


def run_on(obj: Object | None, program: Program, value: Any, seconds: float = _RUN_SECONDS) -> Execution | None:
    """A checked run with an input in its JSON form; None if the program cannot have this input."""
    from vm.runner.given import from_json
    from vm.runner.inputs import RunLimits

    limits = RunLimits(steps=_RUN_STEPS, insns=_RUN_INSNS, seconds=seconds)
    try:
        return execute(unverified(program), None, [from_json(value)], limits, obj=obj)[0]
    except InputError:
        return None


def counterexample(
    obj: Object | None, program: Program, verdict: Verdict, *, caps: Caps = ROOT, seconds: float = SECONDS
) -> Counterexample | None:
    """of_walk() for a verdict; the program is verified again if its walk was not recorded."""
    from vm.trace.recorder import Recorder

    if verdict.failure is None or verdict.accepted:
        return None
    said = verdict.verification
    trace = said.trace if said is not None else None
    failure = verdict.failure
    if not isinstance(trace, Recorder):
        again = verify(program, log_level=0, caps=caps)[0]
        if not isinstance(again.trace, Recorder) or again.failure is None:
            return None
        trace, failure = again.trace, again.failure
    return of_walk(obj, program, failure, trace, seconds=seconds)
