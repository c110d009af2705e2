"""Programs of one object together: tail calls into the others, maps inside maps."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, alu, call, ld64, ldx, mov, movr, program, st
from vm import pipeline
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec, Object
from vm.runner.execution import Execution
from vm.runner.inputs import PacketInput, RunLimits

PACKET = PacketInput(bytes(60))
HITS = MapSpec("hits", 2, 4, 8, 1)
JUMPS = MapSpec("jumps", 3, 4, 4, 3, init_slots=((1, "second"), (2, "bad")))
SECOND = program(
    *ld64(1, 0, o.PSEUDO_MAP_VALUE), mov(2, 5), Insn(o.STX | o.MEM | o.DW, 1, 2, 0), mov(0, 1), EXIT,
    maps=(HITS,), name="second",
)  # fmt: skip
BAD = program(ldx(o.DW, 0, 2, 0), EXIT, name="bad")


def first(slot: int) -> Object:
    p = program(*ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, slot), call(12), mov(0, 2), EXIT, maps=(JUMPS,), name="first")
    return Object("o", (SECOND, p, BAD), (HITS, JUMPS))


def run(obj: Object, name: str, engine: str) -> Execution:
    p = pipeline.choose(obj, name)
    if engine == "unverified":
        return pipeline.execute(pipeline.unverified(p), None, [PACKET], RunLimits(), obj=obj)[0]
    verification, env = pipeline.verify(p)
    assert verification.verdict == "accept", verification.log
    fixed = pipeline.rewrite(env)
    image = pipeline.translate(fixed) if engine == "jit" else None
    return pipeline.execute(fixed, image, [PACKET], RunLimits(), obj=obj)[0]


ENGINES = pytest.mark.parametrize("engine", ["jit", "interpreter", "unverified"])


@ENGINES
def test_tail_calls_reach_the_object_s_other_programs(engine: str) -> None:
    x = run(first(1), "first", engine)
    assert (x.fault, x.result, x.maps["hits"][0][1][0]) == (None, "XDP_DROP", 5)
    assert [(event.step, event.kind, event.text) for event in x.events] == [(2, "tail_call", "to second")]


@ENGINES
def test_an_empty_slot_falls_through(engine: str) -> None:
    assert run(first(0), "first", engine).result == "XDP_PASS"


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_a_refused_program_is_not_reached(engine: str) -> None:
    x = run(first(2), "first", engine)
    assert x.fault is not None
    assert x.fault.message == "not emulated: tail call to bad, which is not loaded"


@ENGINES
@pytest.mark.parametrize("outer_type", [12, 13])
def test_maps_inside_maps(outer_type: int, engine: str) -> None:
    inner = MapSpec("inner", 2, 4, 8, 1)
    outer = MapSpec("outer", outer_type, 4, 4, 2, inner=MapSpec("", 2, 4, 8, 1), init_slots=((1, 1),))
    leave = Insn(o.JMP | o.JEQ | o.K, 0, 0, 8, 0)
    p = program(
        st(o.W, 10, -4, 1), st(o.W, 10, -8, 0), *ld64(1, 0, o.PSEUDO_MAP_FD), movr(2, 10), alu(o.ADD, 2, -4), call(1),
        leave, movr(1, 0), movr(2, 10), alu(o.ADD, 2, -8), call(1), leave._replace(off=3),
        st(o.DW, 0, 0, 77), mov(0, 2), EXIT, mov(0, 1), EXIT,
        maps=(outer,),
    )  # fmt: skip
    x = run(Object("o", (p,), (outer, inner)), "p", engine)
    assert (x.fault, x.result) == (None, "XDP_PASS")
    assert x.maps["inner"][0][1][0] == 77
    assert x.maps["outer"] == (((1).to_bytes(4, "little"), (2).to_bytes(4, "little")),)
