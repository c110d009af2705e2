"""A log beside the source of its program: the program is verified here, and the two walks are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vm.caps import Caps
from vm.errors import InputError
from vm.logs.parting import Parted, Walked, fits, part
from vm.pipeline.objects import choose, load
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import walk

if TYPE_CHECKING:
    from vm.logs.values import Step
    from vm.program import Object, Program
    from vm.trace.recorder import Recorder

MAX_COMPARED: Final = 5000
"""Steps of the log's path, from its beginning."""


@dataclass(frozen=True, slots=True)
class Beside:
    """parted -- where the two part; verdict, message -- of our walk; program -- its name"""

    program: str
    verdict: str
    message: str
    parted: Parted


def beside(source: Source, options: BuildOptions, name: str, caps: Caps, steps: Sequence[Step]) -> Beside:
    """The program of a source held against the steps of a log. InputError if it cannot be compiled or loaded.

    name -- of the program; "": the one whose instructions are those of the log, else the first
    steps -- the path of the log to its last step, oldest first
    """
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
    parted = part(steps[:MAX_COMPARED], program.insns, walked(recorder))
    return Beside(program.name, verification.verdict, verification.message, parted)


def _meant(obj: Object, name: str, steps: Sequence[Step]) -> Program:
    if name and any(program.name == name for program in obj.programs):
        return choose(obj, name)
    for program in obj.programs:
        if fits(steps[:MAX_COMPARED], program.insns):
            return program
    return choose(obj, "")


def walked(recorder: Recorder) -> Walked:
    """Our walk as part() asks for it."""
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
