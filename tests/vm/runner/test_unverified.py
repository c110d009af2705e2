"""Programs run as they stand, without the verifier, on either engine."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, alu, alur, call, ldx, mov, movr, program, st
from vm import pipeline
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import Program
from vm.runner.execution import Execution
from vm.runner.inputs import MemoryInput, PacketInput, RunLimits

ENGINES = pytest.mark.parametrize("engine", ["jit", "interpreter"])


def run(p: Program, engine: str, data: bytes = b"") -> Execution:
    plain = pipeline.unverified(p)
    image = pipeline.translate(plain) if engine == "jit" else None
    return pipeline.execute(plain, image, [MemoryInput(data)], RunLimits(insns=10_000))[0]


@ENGINES
def test_memory_functions_and_callbacks(engine: str) -> None:
    summing = program(
        ldx(o.B, 6, 1, 0), alur(o.ADD, 6, 2), mov(1, 4), Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 11),
        alur(o.ADD, 6, 0), st(o.DW, 10, -8, 0), mov(1, 3), Insn(o.LD_IMM64, 2, o.PSEUDO_FUNC, 0, 9), Insn(0),
        movr(3, 10), alu(o.ADD, 3, -8), mov(4, 0), call(181), alur(o.ADD, 0, 6), EXIT,
        movr(0, 1), EXIT, mov(0, 0), EXIT,
    )  # fmt: skip
    x = run(summing, engine, b"\x05\x06")
    assert (x.fault, x.r0) == (None, 5 + 2 + 4 + 3)


@ENGINES
def test_a_wild_pointer_is_a_fault(engine: str) -> None:
    x = run(program(mov(1, 64), ldx(o.W, 0, 1, 0), EXIT), engine)
    assert x.fault is not None
    assert (x.fault.kind, x.fault.insn_idx) == ("memory", 1)


@pytest.mark.parametrize(
    ("insns", "said"),
    [
        ([Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 50), EXIT], "refers to a function at 51"),
        ([Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD, 0, 3), Insn(0), EXIT], "loads map number 3"),
        ([Insn(o.JMP | o.JA, 0, 0, 9), EXIT], "jumps to 10"),
        ([EXIT, Insn(o.LD_IMM64)], "second half is missing"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(insns: list[Insn], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pipeline.unverified(program(*insns))


def test_a_packet_whose_descriptor_was_written_over_is_none() -> None:
    plain = pipeline.unverified(program(mov(2, 0), Insn(o.STX | o.MEM | o.DW, 1, 2, 8), mov(0, 2), EXIT))
    x = pipeline.execute(plain, pipeline.translate(plain), [PacketInput(bytes(60))], RunLimits())[0]
    assert (x.result, x.packet_out) == ("XDP_PASS", None)
