"""Runs a program on the machine or in the interpreter, with the programs that its tail calls reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.pipeline.translation import rewrite, translate, unverified
from vm.pipeline.verdicts import verify
from vm.program import MapSpec, Object, Program

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.runner.engine import Code as InterpreterCode
    from vm.runner.execution import Execution
    from vm.runner.inputs import RunInput, RunLimits
    from vm.runner.world import World

# Another program of the object: rewritten, and its code where the machine is to run it.
Companion: TypeAlias = "tuple[Rewritten, Image | None]"


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
                    found[name] = rewritten, translate(rewritten) if machine else None
                    todo.append(names[name])
    return list(found.values())


def _accepted(program: Program, caps: Caps) -> Rewritten | None:
    try:
        verification, env = verify(program, log_level=0, record=False, caps=caps)
        return rewrite(env) if verification.verdict == "accept" else None
    except InputError:
        return None


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
        siblings = [other for other, _ in others]
        return interp.interpret_all(rewritten, inputs, limits, record=record, siblings=siblings, maps=maps)
    translated = [(other, code) for other, code in others if code is not None]
    return machine.run_all(rewritten, image, inputs, limits, record=record, siblings=translated, maps=maps)
