"""The interpreter by itself: RFC 9669's corners, calls, maps, faults in words."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import (
    EXIT,
    SOCKET_FILTER,
    TC,
    alu,
    alu32,
    alur,
    call,
    ld64,
    ldx,
    mov,
    movr,
    program,
    st,
    stx,
)
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec
from vm.runner.inputs import MemoryInput, NoInput, PacketInput, RunLimits
from vm.runner.interp import interpret, interpret_all

LIMITS = RunLimits(insns=100_000)


def r0(*insns: Insn) -> int:
    x = interpret(program(*insns, EXIT), NoInput(), LIMITS)
    assert x.fault is None, x.fault
    return x.r0


MIN64 = 1 << 63


@pytest.mark.parametrize(
    ("dst", "insn", "want"),
    [
        (7, alu(o.DIV, 0, 0), 0),
        (7, alu(o.MOD, 0, 0), 7),
        (7, alu32(o.DIV, 0, 0), 0),
        ((1 << 40) + 7, alu32(o.MOD, 0, 0), 7),
        (MIN64, alu(o.DIV, 0, -1, off=1), MIN64),
        (MIN64, alu(o.MOD, 0, -1, off=1), 0),
        (-7, alu(o.DIV, 0, 2, off=1), -3),
        (-7, alu(o.MOD, 0, 2, off=1), -1),
        (-7, alu(o.DIV, 0, 2), ((1 << 64) - 7) // 2),
        (1, alu(o.LSH, 0, 63), MIN64),
        (1, alu(o.LSH, 0, 65), 2),
        (1, alu32(o.LSH, 0, 33), 2),
        (-1, alu32(o.ADD, 0, 0), 0xFFFFFFFF),
        (0x80000000, alu32(o.ARSH, 0, 4), 0xF8000000),
        (-16, alu(o.ARSH, 0, 2), -4),
        (0x1122334455667788, Insn(o.ALU | o.END | o.TO_BE, 0, 0, 0, 16), 0x8877),
        (0x1122334455667788, Insn(o.ALU | o.END | o.TO_BE, 0, 0, 0, 64), 0x8877665544332211),
        (0x1122334455667788, Insn(o.ALU | o.END | o.TO_LE, 0, 0, 0, 32), 0x55667788),
        (0x1122334455667788, Insn(o.ALU64 | o.END, 0, 0, 0, 32), 0x88776655),
        (5, Insn(o.ALU64 | o.NEG), -5),
        (5, Insn(o.ALU | o.NEG), 0xFFFFFFFB),
        (0x180, Insn(o.ALU64 | o.MOV | o.X, 0, 0, 8), -128),
        (0x180, Insn(o.ALU | o.MOV | o.X, 0, 0, 8), 0xFFFFFF80),
        (0x80000000, Insn(o.ALU64 | o.MOV | o.X, 0, 0, 32), -0x80000000),
    ],
)  # fmt: skip
def test_arithmetic(dst: int, insn: Insn, want: int) -> None:
    assert r0(*ld64(0, dst), insn) == want % (1 << 64)


def test_sign_extending_load_and_partial_store() -> None:
    insns = [st(o.DW, 10, -8, -1), st(o.B, 10, -8, 0x80), Insn(o.LDX | o.MEMSX | o.B, 0, 10, -8)]
    assert r0(*insns) == (1 << 64) - 128
    assert r0(insns[0], insns[1], ldx(o.W, 0, 10, -8)) == 0xFFFFFF80


@pytest.mark.parametrize(
    ("imm", "src", "mem", "fetched"),
    [
        (o.ADD, 3, 13, None),
        (o.ADD | o.FETCH, 3, 13, 10),
        (o.XOR | o.FETCH, 3, 9, 10),
        (o.XCHG, 3, 3, 10),
    ],
)
def test_atomics(imm: int, src: int, mem: int, fetched: int | None) -> None:
    head = [st(o.DW, 10, -8, 10), mov(1, src), Insn(o.STX | o.ATOMIC | o.DW, 10, 1, -8, imm)]
    assert r0(*head, ldx(o.DW, 0, 10, -8)) == mem
    assert r0(*head, movr(0, 1)) == (src if fetched is None else fetched)


def test_compare_and_exchange_writes_only_on_a_match() -> None:
    def cmpxchg(expected: int) -> list[Insn]:
        return [st(o.W, 10, -4, 10), mov(0, expected), mov(1, 7), Insn(o.STX | o.ATOMIC | o.W, 10, 1, -4, o.CMPXCHG)]

    assert r0(*cmpxchg(10), ldx(o.W, 0, 10, -4)) == 7
    assert r0(*cmpxchg(11), ldx(o.W, 0, 10, -4)) == 10
    assert r0(*cmpxchg(11)) == 10


def test_calls_keep_callee_saved_registers_and_have_their_own_stack() -> None:
    x = interpret(
        program(
            mov(6, 1), st(o.DW, 10, -8, 42), mov(1, 5),
            Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 4),
            ldx(o.DW, 1, 10, -8), alur(o.ADD, 0, 1), alur(o.ADD, 0, 6), EXIT,
            mov(6, 100), st(o.DW, 10, -8, 0), movr(0, 1), alu(o.MUL, 0, 2), EXIT,
        ),
        NoInput(), LIMITS,
    )  # fmt: skip
    assert x.r0 == 10 + 42 + 1
    assert {step.frameno for step in x.steps} == {0, 1}
    assert next(w.name for step in x.steps for w in step.writes) == "fp-8"


def test_bpf_loop_calls_back_with_the_index() -> None:
    insns = [
        st(o.DW, 10, -8, 0), mov(1, 5), *ld64(2, 9, o.PSEUDO_FUNC), movr(3, 10), alu(o.ADD, 3, -8), mov(4, 0),
        call(181), movr(6, 0), ldx(o.DW, 0, 10, -8), alu(o.LSH, 6, 8), alur(o.OR, 0, 6), EXIT,
        ldx(o.DW, 3, 2, 0), alur(o.ADD, 3, 1), stx(o.DW, 2, 0, 3), mov(0, 0), EXIT,
    ]  # fmt: skip
    at = next(i for i, insn in enumerate(insns) if insn.code == o.LD_IMM64)
    insns[at] = insns[at]._replace(imm=12 - (at + 1) + 1)
    x = interpret(program(*insns), NoInput(), LIMITS)
    assert x.fault is None
    assert x.r0 == 5 << 8 | 0 + 1 + 2 + 3 + 4


COUNTS = MapSpec("counts", 2, 4, 8, 4)


def test_an_array_counts_over_several_runs() -> None:
    body = [
        st(o.W, 10, -4, 2), *ld64(1, 0, o.PSEUDO_MAP_FD), movr(2, 10), alu(o.ADD, 2, -4), call(1),
        Insn(o.JMP | o.JEQ | o.K, 0, 0, 2, 0), mov(1, 1), Insn(o.STX | o.ATOMIC | o.DW, 0, 1, 0, o.ADD), mov(0, 2),
        EXIT,
    ]  # fmt: skip
    runs = interpret_all(program(*body, maps=(COUNTS,)), [NoInput()] * 3, LIMITS)
    assert [x.result for x in runs] == ["XDP_PASS"] * 3
    assert [int.from_bytes(x.maps["counts"][2][1], "little") for x in runs] == [1, 2, 3]
    assert runs[0].steps[-3].writes[0].name == "counts[2]+0"


def test_packet_bounds_and_what_came_out() -> None:
    drop_short = program(
        ldx(o.W, 2, 1, 0), ldx(o.W, 3, 1, 4), movr(4, 2), alu(o.ADD, 4, 14), mov(0, 1),
        Insn(o.JMP | o.JGT | o.X, 4, 3, 2), st(o.B, 2, 0, 0xAA), mov(0, 2), EXIT,
    )  # fmt: skip
    x = interpret(drop_short, PacketInput(bytes(range(14))), LIMITS)
    assert (x.result, x.packet_out) == ("XDP_PASS", b"\xaa" + bytes(range(1, 14)))
    assert [w.name for step in x.steps for w in step.writes] == ["packet+0"]


def test_a_read_past_the_packet_is_said_in_words() -> None:
    x = interpret(program(ldx(o.W, 2, 1, 0), ldx(o.W, 0, 2, 12), EXIT), PacketInput(bytes(14)), LIMITS)
    assert x.fault is not None
    assert x.fault.kind == "memory"
    assert x.fault.insn_idx == 1
    assert "2 bytes past the end of the packet (14 bytes)" in x.fault.message


def test_null_is_called_null() -> None:
    x = interpret(program(mov(1, 0), ldx(o.DW, 0, 1, 0), EXIT), NoInput(), LIMITS)
    assert x.fault is not None
    assert "NULL" in x.fault.message


def test_an_endless_loop_ends() -> None:
    x = interpret(program(Insn(o.JMP | o.JA, 0, 0, -1)), NoInput(), RunLimits(insns=5000, steps=100))
    assert x.fault is not None
    assert (x.fault.kind, x.insns, len(x.steps), x.steps_cut) == ("insns", 5000, 100, True)


def test_memory_input() -> None:
    x = interpret(program(ldx(o.H, 0, 1, 0), alur(o.ADD, 0, 2), EXIT), MemoryInput(b"\x01\x02\x03"), LIMITS)
    assert x.r0 == 0x0201 + 3


def test_may_goto_and_long_jumps() -> None:
    assert r0(mov(0, 1), Insn(o.JMP | o.JCOND, 0, 0, 1, 0), mov(0, 2)) == 2
    assert r0(mov(0, 1), Insn(o.JMP32 | o.JA, 0, 0, 0, 1), mov(0, 2)) == 1


def test_jmp32_looks_at_the_low_half() -> None:
    assert r0(*ld64(1, 1 << 32), mov(0, 1), Insn(o.JMP32 | o.JEQ | o.K, 1, 0, 1, 0), mov(0, 2)) == 1
    assert r0(*ld64(1, 0xFFFFFFFF), mov(0, 1), Insn(o.JMP32 | o.JSLT | o.K, 1, 0, 1, 0), mov(0, 2)) == 1


def test_socket_filter_loads_words_in_network_order() -> None:
    packet = bytes(12) + b"\x08\x00" + bytes([0x45, 1, 2, 3]) + bytes(30)
    load = [movr(6, 1), Insn(o.LD | o.ABS | o.W, 0, 0, 0, 0), EXIT]
    x = interpret(program(*load, prog_type=SOCKET_FILTER), PacketInput(packet, socket="test_run"), LIMITS)
    assert x.r0 == 0x45010203
    past = [movr(6, 1), mov(0, 5), Insn(o.LD | o.ABS | o.W, 0, 0, 0, 1000), mov(0, 9), EXIT]
    assert interpret(program(*past, prog_type=SOCKET_FILTER), PacketInput(packet), LIMITS).r0 == 0


def test_tc_sees_the_ethernet_header_and_its_ctx() -> None:
    packet = bytes(12) + b"\x08\x00" + bytes(40)
    x = interpret(
        program(ldx(o.W, 2, 1, 0), ldx(o.W, 0, 1, 16), alu(o.LSH, 2, 16), alur(o.ADD, 0, 2), EXIT, prog_type=TC),
        PacketInput(packet), LIMITS,
    )  # fmt: skip
    assert x.fault is None
    assert x.r0 == 54 << 16 | 0x0008


def test_unknown_helper_is_named() -> None:
    x = interpret(program(call(69), EXIT), NoInput(), LIMITS)
    assert x.fault is not None
    assert (x.fault.kind, x.fault.message.startswith("not emulated: bpf_fib_lookup")) == ("helper", True)


def test_tail_calls_end_after_33() -> None:
    progs = MapSpec("progs", 3, 4, 4, 1, init_slots=((0, "p"),))
    counts = MapSpec("counts", 2, 4, 8, 1)
    body = [
        movr(6, 1), *ld64(1, 1, o.PSEUDO_MAP_VALUE), mov(2, 1), Insn(o.STX | o.ATOMIC | o.DW, 1, 2, 0, o.ADD),
        movr(1, 6), *ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, 0), call(12), mov(0, 2), EXIT,
    ]  # fmt: skip
    x = interpret(program(*body, maps=(progs, counts)), NoInput(), LIMITS)
    assert x.fault is None
    assert int.from_bytes(x.maps["counts"][0][1], "little") == 34


def test_a_large_array_is_shown_in_part_and_shared_between_runs() -> None:
    big = MapSpec("big", 2, 4, 8, 100_000)
    bump = [*ld64(1, 0, o.PSEUDO_MAP_VALUE), mov(2, 1), Insn(o.STX | o.ATOMIC | o.DW, 1, 2, 0, o.ADD), mov(0, 2), EXIT]
    first, second = interpret_all(program(*bump, maps=(big,)), [NoInput()] * 2, LIMITS)
    assert len(first.maps["big"]) == 16_384
    assert (first.maps["big"][0][1][0], second.maps["big"][0][1][0]) == (1, 2)
    assert first.maps["big"][1] is second.maps["big"][1]
