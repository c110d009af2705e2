"""Programs nobody verified: whatever the instructions, the run ends with a result or a fault in words."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vm.runner.programs import EXIT, SOCKET_FILTER, TC, XDP, alu, call, ld64, mov, movr, program
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec
from vm.runner.execution import Execution
from vm.runner.helpers import HELPERS
from vm.runner.inputs import MemoryInput, NoInput, PacketInput, RunLimits
from vm.runner.interp import interpret

LIMITS = RunLimits(insns=2000, steps=200)
MAPS = tuple(
    MapSpec(f"m{kind}", kind, key, value, entries)
    for kind, key, value, entries in (
        (1, 4, 8, 2), (2, 4, 8, 2), (3, 4, 4, 2), (4, 4, 4, 2), (5, 4, 8, 2), (6, 4, 8, 2), (9, 4, 8, 2), (11, 8, 8, 2),
        (14, 4, 4, 2), (22, 0, 8, 2), (27, 0, 0, 4096), (30, 0, 8, 2), (15, 4, 4, 2),
    )
)  # fmt: skip
REG = st.one_of(st.integers(0, 10), st.integers(0, 15))
S16 = st.one_of(st.integers(-20, 20), st.integers(-(1 << 15), (1 << 15) - 1))
S32 = st.one_of(st.integers(-20, 200), st.integers(-(1 << 31), (1 << 31) - 1))
ANY = st.builds(Insn, st.integers(0, 255), REG, REG, S16, S32)


def sane(x: Execution) -> None:
    assert x.fault is None or (x.fault.kind in ("memory", "insns", "time", "helper") and x.fault.message)
    assert len(x.steps) <= LIMITS.steps
    assert all(0 <= reg < 1 << 64 for step in x.steps for reg in step.regs)


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, max_size=30), st.sampled_from([XDP, TC, SOCKET_FILTER]))
def test_random_instructions(insns: list[Insn], prog_type: int) -> None:
    sane(interpret(program(*insns, prog_type=prog_type, maps=MAPS), PacketInput(bytes(60)), LIMITS))


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY, max_size=20), st.binary(max_size=40))
def test_random_instructions_on_memory(insns: list[Insn], data: bytes) -> None:
    sane(interpret(program(*insns), MemoryInput(data), LIMITS))


ARGUMENT = st.one_of(
    st.builds(lambda v: ("number", v), st.one_of(st.sampled_from([0, 1, 8, 1 << 31, (1 << 64) - 1]), S32)),
    st.builds(lambda v: ("map", v), st.integers(0, len(MAPS) - 1)),
    st.builds(lambda v: ("stack", v), st.integers(-64, 8)),
    st.just(("ctx", 0)),
)


def load(reg: int, argument: tuple[str, int]) -> list[Insn]:
    kind, value = argument
    if kind == "number":
        return ld64(reg, value)
    if kind == "map":
        return ld64(reg, value, o.PSEUDO_MAP_FD)
    return [movr(reg, 10), alu(o.ADD, reg, value)] if kind == "stack" else [movr(reg, 6)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(1, len(HELPERS) - 1), st.tuples(*[ARGUMENT] * 5)), min_size=1, max_size=4),
    st.sampled_from([XDP, TC, SOCKET_FILTER, 2, 17]),
)
def test_helpers_with_arguments_the_verifier_would_refuse(calls: list[Any], prog_type: int) -> None:
    insns = [movr(6, 1)]
    for number, arguments in calls:
        for reg, argument in enumerate(arguments, 1):
            insns += load(reg, argument)
        insns += [call(number), mov(7, 0)]
    given_input = PacketInput(bytes(60)) if prog_type in (XDP, TC, SOCKET_FILTER) else NoInput()
    sane(interpret(program(*insns, EXIT, prog_type=prog_type, maps=MAPS), given_input, LIMITS))
