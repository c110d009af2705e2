"""The plain reference interpreter: a program, loaded or rewritten, on inputs. The engine is in engine.py."""

from __future__ import annotations

from collections.abc import Sequence

from vm.errors import NotEmulated
from vm.program import MapSpec, Program
from vm.rewritten import Rewritten
from vm.runner.checked import CheckedInterpreter
from vm.runner.engine import Code, Interpreter
from vm.runner.execution import Execution
from vm.runner.inputs import GivenInput, RunInput, RunLimits
from vm.runner.plain import PERF_EVENT_DATA, converted_context
from vm.runner.world import World


def codes_of(targets: Sequence[Program | Rewritten]) -> list[Code]:
    """What the interpreter reads of each."""
    found = []
    for number, target in enumerate(targets):
        if isinstance(target, Program):
            found.append(Code(target, number, target.insns, tuple(range(len(target.insns))), {}, True))
        else:
            plain = target.plain
            starts = target.func_starts
            found.append(Code(target.program, number, target.insns, target.orig_idx, target.refs, plain, starts))
    return found


def interpret_all(
    target: Program | Rewritten,
    inputs: Sequence[RunInput],
    limits: RunLimits,
    *,
    record: bool = True,
    siblings: Sequence[Program | Rewritten] = (),
    maps: Sequence[MapSpec] = (),
) -> list[Execution]:
    """Run the program once for each input, with the same maps. siblings -- the programs that its tail calls can reach.
    `maps` are all the object's (Object.maps), for maps of maps.

    limits.steps is what all of them together may record, limits.seconds what each may take.

    Raises InputError for an input the program cannot have, LimitError for maps too large. What goes wrong
    while the program runs is the Execution's fault.
    """
    given_all = all(isinstance(given, GivenInput) for given in inputs)
    for each in () if given_all else (target, *siblings):
        if isinstance(each, Rewritten) and converted_context(each) == PERF_EVENT_DATA:
            raise NotEmulated(
                f"{PERF_EVENT_DATA} as it was compiled; a program that reads it has to be verified",
                kind="context",
                name=PERF_EVENT_DATA,
            )
    codes = codes_of([target, *siblings])
    world = World([code.program for code in codes], limits, maps)
    done: list[Execution] = []
    steps = limits.steps if record else 0
    try:
        for given in inputs:
            done.append(_run(codes, world, given, limits, steps, record))
            steps -= len(done[-1].steps)
    finally:
        world.memory.close()
    return done


def interpret(
    target: Program | Rewritten,
    given: RunInput,
    limits: RunLimits,
    *,
    record: bool = True,
    siblings: Sequence[Program | Rewritten] = (),
    maps: Sequence[MapSpec] = (),
) -> Execution:
    """One run of `interpret_all`."""
    return interpret_all(target, [given], limits, record=record, siblings=siblings, maps=maps)[0]


def _run(codes: list[Code], world: World, given: RunInput, limits: RunLimits, steps: int, record: bool) -> Execution:
    world.begin(given)
    kind = Interpreter if world.script is None else CheckedInterpreter
    engine = kind(codes, world, limits, steps)
    fault = engine.run()
    r0 = engine.regs[0] if fault is None else 0
    return Execution(
        engine="interpreter",
        r0=r0,
        result=world.result(r0) if fault is None else "",
        packet_out=world.packet_out(),
        maps=world.map_contents(),
        events=tuple(world.events),
        insns=world.insns,
        steps=engine.steps,
        steps_cut=record and len(engine.steps) < world.insns,
        fault=fault,
        regions=world.memory.regions() if record else (),
    )
