"""Runs a program on the machine or in the interpreter, with the programs that its tail calls reach."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.pipeline.translation import rewrite, translate, unverified
from vm.pipeline.verdicts import verify, walk
from vm.program import MapSpec, Object, Program
from vm.runner.tail_calls import Companion

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.pipeline.bpf_check import Walk
    from vm.rewritten import Rewritten
    from vm.runner.engine import Code as InterpreterCode
    from vm.runner.execution import Execution
    from vm.runner.inputs import RunInput, RunLimits
    from vm.runner.world import World
    from vm.trace.recorder import Recorder

MAX_WALKED: Final = 20_000
"""Instructions processed up to which the walks of companions are recorded, all together; each takes some 30 us."""


def companions(obj: Object, program: Program, *, verified: bool, machine: bool, caps: Caps = ROOT) -> list[Companion]:
    """The programs of the object that tail calls can reach, ready to run; slots of rejected programs stay empty."""
    names = {each.name: each for each in obj.programs}
    found: dict[str, Companion] = {}
    todo = [program]
    while todo:
        for spec in todo.pop().maps:
            for _, name in spec.init_slots:
                if not isinstance(name, str) or name in found or name == program.name or name not in names:
                    continue
                rewritten = _accepted(names[name], caps) if verified else unverified(names[name])
                if rewritten is not None:
                    found[name] = Companion(rewritten, translate(rewritten) if machine else None)
                    todo.append(names[name])
    return list(found.values())


def _accepted(program: Program, caps: Caps) -> Rewritten | None:
    try:
        verification, env = verify(program, log_level=0, record=False, caps=caps)
        return rewrite(env) if verification.verdict == "accept" else None
    except InputError:
        return None


def with_walks(others: Sequence[Companion], entered: Container[str], caps: Caps = ROOT) -> list[Companion]:
    """Verified companions, those of these names with the paths of their walks, as far as MAX_WALKED goes."""
    from vm.runner.follow import walk_paths

    found, left = [], MAX_WALKED
    for other in others:
        program = other.rewritten.program
        if program.name in entered and left > 0:
            recorded = _walked(program, left, caps)
            left -= recorded.env.insn_processed
            if left >= 0 and recorded.recorder is not None:
                other = other._replace(paths=walk_paths(recorded.env, recorded.recorder, other.rewritten))
        found.append(other)
    return found


def _walked(program: Program, most: int, caps: Caps) -> Walk:
    """The walk of a program that a tail call enters, finished unless more instructions than `most` were processed."""
    recorded = walk(program, log_level=0, record=True, caps=caps)
    for _ in recorded.advance():  # in slices: a walk that is too long is not finished
        if recorded.env.insn_processed > most:
            break
    return recorded


def entered_trace(program: Program, caps: Caps = ROOT) -> Recorder | None:
    """The walk that with_walks() records of a program, once more; None if it is too long for that."""
    recorded = _walked(program, MAX_WALKED, caps)
    if recorded.env.insn_processed > MAX_WALKED or recorded.recorder is None:
        return None
    recorded.recorder.flush()
    return recorded.recorder


@contextmanager
def laid_out(
    program: Program, limits: RunLimits, maps: Sequence[MapSpec] = ()
) -> Iterator[tuple[World, list[InterpreterCode]]]:
    """A program as loaded, with its maps in memory, for a caller with a separate interpreter.

    maps -- all the object's, for maps of maps. Raises InputError for maps too large.
    """
    from vm.runner.interp import codes_of
    from vm.runner.world import World

    codes = codes_of([program])
    world = World([program], limits, maps)
    try:
        yield world, codes
    finally:
        world.memory.close()


def execute(
    rewritten: Rewritten,
    image: Image | None,
    inputs: Sequence[RunInput],
    limits: RunLimits,
    *,
    record: bool = True,
    obj: Object | None = None,
    alone: bool = False,
    caps: Caps = ROOT,
) -> list[Execution]:
    """One run per input; maps are kept between runs. With an image the machine runs, without one the interpreter.

    obj -- where the program is from: its other programs, for tail calls, and maps, for maps of maps.
    alone -- the object's other programs are not loaded: tail calls find empty slots
    caps -- whose programs they are
    """
    from vm.runner import interp, machine

    others: list[Companion] = []
    if obj is not None and not alone:
        others = companions(obj, rewritten.program, verified=not rewritten.plain, machine=image is not None, caps=caps)
    maps = obj.maps if obj is not None else ()
    if image is None:
        siblings = [other.rewritten for other in others]
        return interp.interpret_all(rewritten, inputs, limits, record=record, siblings=siblings, maps=maps)
    translated = [(each.rewritten, each.image) for each in others if each.image is not None]
    return machine.run_all(rewritten, image, inputs, limits, record=record, siblings=translated, maps=maps)
