"""Programs run as they stand, without the verifier, on either engine."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, XDP, alu, alur, call, ld64, ldx, mov, movr, program, rewritten, st, stx
from vm import pipeline
from vm.btf.types import Kind
from vm.errors import InputError, NotEmulated
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.btf import kernel_btf
from vm.program import MapSpec, Object, Program
from vm.runner.execution import Execution
from vm.runner.inputs import EventInput, MemoryInput, NoInput, PacketInput, RunLimits

ENGINES = pytest.mark.parametrize("engine", ["jit", "interpreter"])


KPROBE, SCHED_CLS, PERF_EVENT = 2, 3, 7


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
    trusted = rewritten(program(mov(2, 0), Insn(o.STX | o.MEM | o.DW, 1, 2, 8), mov(0, 2), EXIT))
    x = pipeline.execute(trusted, pipeline.translate(trusted), [PacketInput(bytes(60))], RunLimits())[0]
    assert (x.result, x.packet_out) == ("XDP_PASS", None)


U64 = (1 << 64) - 1
SMALLEST = {64: 1 << 63, 32: 1 << 31}


def divided(op: int, signed: bool, bits: int, a: int, b: int) -> int:
    """RFC 9669 section 4.1, in numbers without a sign."""
    mask = (1 << bits) - 1
    a, b = a & mask, b & mask
    if signed:
        a, b = ((n ^ SMALLEST[bits]) - SMALLEST[bits] for n in (a, b))
    if b == 0:
        return 0 if op == o.DIV else a & mask
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return (quotient if op == o.DIV else a - quotient * b) & mask


@ENGINES
@pytest.mark.parametrize("b", [0, -1, 3, 1 << 32, 0xFFFFFFFF])
@pytest.mark.parametrize("a", [0, 7, -7, 1 << 63, 1 << 31, 5 << 32 | 9])
def test_division_never_traps(a: int, b: int, engine: str) -> None:
    for op in (o.DIV, o.MOD):
        for cls, bits in ((o.ALU64, 64), (o.ALU, 32)):
            for off in (0, 1):
                by_register = Insn(cls | op | o.X, 0, 3, off)
                by_number = Insn(cls | op | o.K, 0, 0, off, b)
                want = divided(op, bool(off), bits, a, b)
                x = run(program(*ld64(0, a & U64), *ld64(3, b & U64), by_register, EXIT), engine)
                assert (x.fault, x.r0, x.insns) == (None, want, 4)
                if -(1 << 31) <= b < 1 << 31:
                    x = run(program(*ld64(0, a & U64), by_number, EXIT), engine)
                    assert (x.fault, x.r0) == (None, want)


@ENGINES
def test_divisions_move_no_jump_and_no_function(engine: str) -> None:
    insns = [
        mov(6, 3), mov(0, 44), Insn(o.JMP | o.JA, 0, 0, 1), mov(0, 1),
        alur(o.DIV, 0, 6), movr(1, 0), movr(2, 6), Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 3), alu(o.SUB, 6, 1),
        Insn(o.JMP | o.JGT | o.K, 6, 0, -6, 1), EXIT,
        movr(0, 1), alur(o.MOD, 0, 2), EXIT,
    ]  # fmt: skip
    x = run(program(*insns), engine)
    # 44 / 3 = 14, 14 % 3 = 2; 2 / 2 = 1, 1 % 2 = 1
    assert (x.fault, x.r0, x.insns) == (None, 1, 3 + 2 * 9 + 1)


@ENGINES
def test_compare_and_exchange_of_32_bits_clears_the_upper_half(engine: str) -> None:
    exchange = Insn(o.STX | o.ATOMIC | o.W, 10, 2, -8, o.CMPXCHG)
    x = run(program(st(o.DW, 10, -8, 5), *ld64(0, 1 << 32 | 5), mov(2, 9), exchange, EXIT), engine)
    assert (x.fault, x.r0) == (None, 5)


@ENGINES
def test_kernel_variables_have_their_addresses(engine: str) -> None:
    variable = kernel_btf().find("bpf_prog_active", Kind.VAR)
    assert variable is not None
    this_cpu_ptr = 154
    p = program(*ld64(1, variable.id, o.PSEUDO_BTF_ID), call(this_cpu_ptr), ldx(o.W, 0, 0, 0), alu(o.ADD, 0, 8), EXIT)
    x = run(p, engine)
    assert (x.fault, x.r0) == (None, 8)


READS = "reads its context"


def on_machine(insns: list[Insn], prog_type: int = XDP) -> Execution:
    plain = pipeline.unverified(program(*insns, prog_type=prog_type))
    return pipeline.execute(plain, pipeline.translate(plain), [PacketInput(bytes(60))], RunLimits())[0]


@pytest.mark.parametrize(
    "insns",
    [
        [ldx(o.W, 0, 1, 0), EXIT],
        [movr(6, 1), mov(1, 0), alu(o.ADD, 6, 4), ldx(o.W, 0, 6, 0), EXIT],
        [stx(o.DW, 10, -8, 1), ldx(o.DW, 2, 10, -8), ldx(o.W, 0, 2, 0), EXIT],
        [st(o.W, 1, 8, 1), mov(0, 0), EXIT],
        [Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 1), EXIT, ldx(o.W, 0, 1, 0), EXIT],
        [Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 2), ldx(o.W, 0, 0, 0), EXIT, movr(0, 1), EXIT],
        [Insn(o.JMP | o.JEQ | o.K, 1, 0, 1, 0), movr(3, 1), ldx(o.B, 0, 3, 0), EXIT],
        # bpf_loop() hands its third argument to the callback.
        [movr(3, 1), mov(1, 3), Insn(o.LD_IMM64, 2, o.PSEUDO_FUNC, 0, 4), Insn(0), mov(4, 0), call(181), EXIT,
         ldx(o.W, 0, 2, 0), EXIT],
    ],
)  # fmt: skip
def test_machine_code_of_a_program_that_reads_its_context_needs_the_verifier(insns: list[Insn]) -> None:
    with pytest.raises(InputError, match=READS):
        on_machine(insns)


@pytest.mark.parametrize(
    "insns",
    [
        [mov(0, 2), EXIT],
        [mov(1, 0), alur(o.ADD, 1, 10), st(o.DW, 10, -8, 2), ldx(o.DW, 0, 1, -8), EXIT],
        [stx(o.DW, 10, -8, 10), ldx(o.DW, 2, 10, -8), st(o.W, 2, -16, 2), ldx(o.W, 0, 2, -16), EXIT],
        [movr(6, 1), call(5), Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 1), EXIT, mov(0, 2), EXIT],
    ],
)
def test_other_programs_run_on_the_machine(insns: list[Insn]) -> None:
    assert on_machine(insns).result == "XDP_PASS"


def test_classic_packet_loads_and_kernel_contexts_run_on_the_machine() -> None:
    x = on_machine([movr(6, 1), Insn(o.LD | o.ABS | o.H, 0, 0, 0, 0), EXIT], SCHED_CLS)
    assert (x.fault, x.r0) == (None, 0)
    with pytest.raises(InputError, match=f"{READS} .struct __sk_buff"):
        on_machine([ldx(o.W, 0, 1, 0), EXIT], SCHED_CLS)
    plain = pipeline.unverified(program(ldx(o.DW, 0, 1, 112), EXIT, prog_type=KPROBE))
    event = EventInput("do_unlinkat", {"arg1": 9})
    assert pipeline.execute(plain, pipeline.translate(plain), [event], RunLimits())[0].r0 == 9


def test_perf_event_data_is_never_read_as_what_it_is_not() -> None:
    plain = pipeline.unverified(program(ldx(o.DW, 0, 1, 0), EXIT, prog_type=PERF_EVENT))
    with pytest.raises(NotEmulated, match="struct bpf_perf_event_data as it was compiled"):
        pipeline.execute(plain, None, [NoInput()], RunLimits())


def test_memory_is_no_context() -> None:
    assert run(program(ldx(o.B, 0, 1, 1), EXIT), "jit", b"\x05\x06").r0 == 6


@ENGINES
def test_tail_calls(engine: str) -> None:
    jumps = MapSpec("jumps", 3, 4, 4, 1, init_slots=((0, "second"),))
    first = program(*ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, 0), call(12), mov(0, 2), EXIT, maps=(jumps,), name="first")
    second = program(mov(0, 1), EXIT, name="second")
    plain = pipeline.unverified(first)
    image = pipeline.translate(plain) if engine == "jit" else None
    obj = Object("o", (first, second), (jumps,))
    x = pipeline.execute(plain, image, [PacketInput(bytes(60))], RunLimits(), obj=obj)[0]
    assert (x.fault, x.result) == (None, "XDP_DROP")
