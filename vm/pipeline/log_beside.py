"""Compares a log with a verification of its program's source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vm.caps import Caps
from vm.errors import InputError
from vm.pipeline.objects import choose, load
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import walk

if TYPE_CHECKING:
    from vm.logs.parting import Parted, Walked
    from vm.logs.values import Step, Verdict
    from vm.program import Object, Program
    from vm.trace.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Beside:
    """parted -- where the two walks differ; verdict, message -- of our walk; program -- its name"""

    program: str
    verdict: str
    message: str
    parted: Parted


def beside(source: Source, options: BuildOptions, name: str, caps: Caps, steps: Sequence[Step]) -> Beside:
    """Compares a program of a source with the steps of a log. InputError if it cannot be compiled or loaded.

    name -- of the program; "": the one whose instructions are those of the log, else the first
    steps -- the path of the log to its last step, oldest first
    """
    from vm.logs.parting import part

    compiled = None
    if source.kind == "c":
        compilation = compile_source(source, options)
        if not compilation.ok or compilation.object is None:
            raise InputError("The source beside the log does not compile.")
        compiled = compilation.object
    program = _meant(load(source, options, compiled), name, steps)
    ours = walk(program, log_level=0, caps=caps)
    for _ in ours.advance():
        pass
    verification, recorder = ours.result(), ours.recorder
    assert recorder is not None
    parted = part(steps, program.insns, walked(recorder))
    return Beside(program.name, verification.verdict, verification.message, parted)


WHY: Final = {
    "none": "The walk here says the same as the log, as far as the log shows it.",
    "insn": "Another instruction stands there: the log is of another build of the program.",
    "path": "The walk here does not go there with these values.",
    "value": "The walk here knows something else at that step.",
    "verdict": "The walk here says the same as the log up to its last step, and ends otherwise.",
}
"""By the kind of a parting."""


def beside_record(
    source: Source, options: BuildOptions, name: str, caps: Caps, steps: Sequence[Step], verdict: Verdict
) -> dict[str, Any]:
    """beside() as a JSON object (Parting in docs/protocol.md). verdict: the log's."""
    from vm.logs.values import Verdict as LogVerdict

    nothing: dict[str, Any] = {"step": None, "our_step": None, "insn": None, "name": "", "log": "", "ours": ""}
    try:
        found = beside(source, options, name, caps, steps)
    except InputError as error:
        told = {"program": "", "verdict": "none", "message": "", "kind": "error", "agreed": 0}
        return {**told, **nothing, "why": error.message}
    parted = found.parted
    kind = parted.kind
    if kind == "none" and verdict is not LogVerdict.UNKNOWN and found.verdict != verdict.value:
        kind = "verdict"
    return {
        "program": found.program,
        "verdict": found.verdict if found.verdict in ("accept", "reject") else "none",
        "message": found.message,
        "kind": kind,
        "agreed": parted.agreed,
        "step": parted.step if parted.step >= 0 else None,
        "our_step": parted.our_step if parted.our_step >= 0 else None,
        "insn": parted.insn_idx if parted.insn_idx >= 0 else None,
        "name": parted.name,
        "log": parted.log,
        "ours": parted.ours,
        "why": WHY[kind],
    }


def _meant(obj: Object, name: str, steps: Sequence[Step]) -> Program:
    from vm.logs.parting import fits

    if name and any(program.name == name for program in obj.programs):
        return choose(obj, name)
    for program in obj.programs:
        if fits(steps, program.insns):
            return program
    return choose(obj, "")


def walked(recorder: Recorder) -> Walked:
    """Our walk in the form that part() takes."""
    from vm.logs.parting import Walked

    paths = recorder.path_list()
    taken_up: dict[int, list[int]] = {}
    for path in paths:
        if path.last_step >= path.first_step:
            taken_up.setdefault(path.push_step, []).append(path.first_step)

    def after(step: int) -> list[int]:
        found = list(taken_up.get(step, ()))
        if step + 1 < len(recorder) and recorder.path_of(step + 1) == recorder.path_of(step):
            found.append(step + 1)
        return found

    return Walked(
        len(recorder), recorder.insn_idx, lambda step: dict(recorder.state(step)), after, tuple(taken_up.get(-1, ()))
    )
