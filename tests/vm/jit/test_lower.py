"""Every opcode's machine code: it decodes, and random arithmetic gives what the interpreter gives."""

from __future__ import annotations

import pytest
from capstone import CS_ARCH_X86, CS_MODE_64, Cs
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc  # type: ignore[attr-defined]
from unicorn.x86_const import UC_CPU_X86_HASWELL, UC_X86_REG_RAX, UC_X86_REG_RSP

from tests.vm.jit.programs import EXIT, rewritten
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import translate
from vm.jit.lower import alu, jump, mem
from vm.program import Program
from vm.runner.inputs import NoInput, RunLimits
from vm.runner.interp import interpret
from vm.verifier.env import VerifierEnv, VerifyOptions
from vm.verifier.fixups import rewrite
from vm.verifier.state.aux import SubprogInfo

CODE, STACK, END = 0x10000, 0x200000, 0x400000
SIZES = {bpf.END: (16, 32, 64)}


def samples(code: int) -> list[Insn]:
    """Instructions with this opcode over registers and operands that take different encodings."""
    cls, op = bpf.cls(code), bpf.op(code)
    imms = [1, -1, 1000, 0]
    if cls in (bpf.ALU, bpf.ALU64) and op == bpf.END:
        imms = [16, 32, 64]
    if bpf.mode(code) in (bpf.ATOMIC, bpf.PROBE_ATOMIC) and cls == bpf.STX:
        loops = [bpf.AND | 1, bpf.OR | 1, bpf.XOR | 1] if bpf.mode(code) == bpf.ATOMIC else []
        imms = [bpf.ADD, bpf.AND, bpf.OR, bpf.XOR, bpf.ADD | 1, bpf.XCHG, bpf.CMPXCHG, *loops]
    offs = [0]
    if cls in (bpf.LDX, bpf.ST, bpf.STX):
        offs = [0, -8, 300]
    return [
        Insn(code, d, s, off, imm) for d in (0, 1, 3, 5, 6) for s in (0, 2, 3, 4, 7, 10) for off in offs for imm in imms
    ]


DISASSEMBLER = Cs(CS_ARCH_X86, CS_MODE_64)


def decodes(code: bytes) -> bool:
    return bool(sum(size for _, size, _, _ in DISASSEMBLER.disasm_lite(code, 0)) == len(code))


@pytest.mark.parametrize("code", sorted(alu.TABLE | mem.TABLE), ids=hex)
def test_it_decodes(code: int) -> None:
    lower = (alu.TABLE | mem.TABLE)[code]
    assert all(decodes(lower(insn)) for insn in samples(code))


@pytest.mark.parametrize("code", sorted(mem.PROBES), ids=hex)
def test_an_access_that_may_fault_says_where(code: int) -> None:
    for insn in samples(code):
        probe = mem.PROBES[code](insn)
        assert decodes(probe.code[: probe.offset])
        assert decodes(probe.code[probe.offset :])
        assert len(probe.code) == probe.offset + probe.length


@pytest.mark.parametrize("code", sorted(jump.TABLE), ids=hex)
def test_comparisons_decode(code: int) -> None:
    assert all(decodes(jump.compare(insn)) for insn in samples(code))


def test_no_opcode_is_missing() -> None:
    ops = [o for o in range(0, 0xE0, 0x10) if o != bpf.END]
    wanted = {c | o | s for c in (bpf.ALU, bpf.ALU64) for o in ops for s in (bpf.K, bpf.X)}
    wanted -= {c | bpf.NEG | bpf.X for c in (bpf.ALU, bpf.ALU64)}
    wanted |= {bpf.ALU | bpf.END | bpf.K, bpf.ALU | bpf.END | bpf.X, bpf.ALU64 | bpf.END | bpf.K}
    assert set(alu.TABLE) == wanted
    sizes = (bpf.B, bpf.H, bpf.W, bpf.DW)
    assert {c | bpf.MEM | s for c in (bpf.LDX, bpf.ST, bpf.STX) for s in sizes} <= set(mem.TABLE)
    jumps = [o for o in range(0x10, 0xE0, 0x10) if o not in (bpf.CALL, bpf.EXIT)]
    assert set(jump.TABLE) == {c | o | s for c in (bpf.JMP, bpf.JMP32) for o in jumps for s in (bpf.K, bpf.X)}


def fixed_up(insns: list[Insn]) -> Program:
    return Program("test", "socket", 1, tuple(insns))


def run_machine_code(program: Program) -> int:
    """r0 of a program without helpers, every instruction taken as reached."""
    env = VerifierEnv(program, VerifyOptions())
    for aux in env.aux:
        aux.seen = 1
    env.subprogs = [SubprogInfo(0)]
    env.subprogs[0].stack_depth = 64
    image = translate(rewrite(env))
    machine = Uc(UC_ARCH_X86, UC_MODE_64)
    machine.ctl_set_cpu_model(UC_CPU_X86_HASWELL)
    machine.mem_map(CODE, 0x10000)
    machine.mem_map(STACK, 0x2000)
    machine.mem_write(CODE, image.code)
    machine.mem_write(STACK + 0x1800, END.to_bytes(8, "little"))
    machine.reg_write(UC_X86_REG_RSP, STACK + 0x1800)
    machine.emu_start(CODE, END, count=10_000)
    return int(machine.reg_read(UC_X86_REG_RAX))


def load64(dst: int, value: int) -> list[Insn]:
    low, high = value & 0xFFFFFFFF, value >> 32
    return [
        Insn(bpf.LD_IMM64, dst, 0, 0, low - (low >> 31 << 32)),
        Insn(0, 0, 0, 0, high - (high >> 31 << 32)),
    ]


REGS = st.integers(0, 9)
EDGES = st.sampled_from([0, 1, 2, 0x7F, 0x80, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1])
VALUES = st.one_of(EDGES, st.integers(0, (1 << 64) - 1))
IMMS = st.one_of(
    st.sampled_from([0, 1, -1, -128, 127, 128, -(1 << 31), (1 << 31) - 1]), st.integers(-(1 << 31), (1 << 31) - 1)
)


@st.composite
def arithmetic(draw: st.DrawFn) -> Insn:
    code = draw(st.sampled_from(sorted(alu.TABLE)))
    cls, op, width = bpf.cls(code), bpf.op(code), 64 if bpf.cls(code) == bpf.ALU64 else 32
    dst, src, off, imm = draw(REGS), 0, 0, 0
    if op == bpf.END:
        return Insn(code, dst, 0, 0, draw(st.sampled_from([16, 32, 64])))
    if op == bpf.NEG:
        return Insn(code, dst)
    if op in (bpf.DIV, bpf.MOD):
        off = draw(st.sampled_from([0, 1]))
    if bpf.src(code) == bpf.X:
        src = draw(REGS)
        if op == bpf.MOV:
            off = draw(st.sampled_from([0, 8, 16, 32] if cls == bpf.ALU64 else [0, 8, 16]))
    elif op in (bpf.LSH, bpf.RSH, bpf.ARSH):
        imm = draw(st.integers(0, width - 1))
    else:
        imm = draw(IMMS)
        if op in (bpf.DIV, bpf.MOD) and imm == 0:
            imm = 3
    return Insn(code, dst, src, off, imm)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=10, max_size=10), st.lists(arithmetic(), min_size=1, max_size=30))
def test_machine_code_computes_what_the_interpreter_computes(values: list[int], work: list[Insn]) -> None:
    insns = [insn for reg, value in enumerate(values) for insn in load64(reg, value)]
    insns += work
    for reg in range(1, 10):
        insns.append(Insn(bpf.ALU64 | bpf.MUL | bpf.K, bpf.R0, 0, 0, 31))
        insns.append(Insn(bpf.ALU64 | bpf.XOR | bpf.X, bpf.R0, reg))
    program = fixed_up([*insns, EXIT])
    told = interpret(program, NoInput(), RunLimits())
    assert told.fault is None
    assert run_machine_code(program) == told.r0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(jump.TABLE)), VALUES, VALUES, IMMS)
def test_branches_go_where_the_interpreter_goes(code: int, a: int, b: int, imm: int) -> None:
    taken = Insn(code, 1, 2 if bpf.src(code) == bpf.X else 0, 2, 0 if bpf.src(code) == bpf.X else imm)
    mov = bpf.ALU64 | bpf.MOV | bpf.K
    program = fixed_up([*load64(1, a), *load64(2, b), Insn(mov, 0, 0, 0, 7), taken, Insn(mov, 0, 0, 0, 8), EXIT, EXIT])
    assert run_machine_code(program) == interpret(program, NoInput(), RunLimits()).r0


WIDTHS = {bpf.B: 1, bpf.H: 2, bpf.W: 4, bpf.DW: 8}


@st.composite
def stack_access(draw: st.DrawFn) -> Insn:
    """A load or store of the 64 bytes of stack, anywhere in them."""
    cls = draw(st.sampled_from([bpf.LDX, bpf.ST, bpf.STX]))
    size = draw(st.sampled_from(sorted(WIDTHS)))
    mode = bpf.MEM
    if cls == bpf.LDX and size != bpf.DW:
        mode = draw(st.sampled_from([bpf.MEM, bpf.MEMSX]))
    off = -draw(st.integers(WIDTHS[size], 64))
    if cls == bpf.LDX:
        return Insn(cls | mode | size, draw(REGS), 10, off)
    if cls == bpf.ST:
        return Insn(cls | mode | size, 10, 0, off, draw(IMMS))
    return Insn(cls | mode | size, 10, draw(REGS), off)


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, min_size=10, max_size=10), st.lists(stack_access(), min_size=1, max_size=30))
def test_memory_holds_what_the_interpreter_holds(values: list[int], work: list[Insn]) -> None:
    insns = [insn for reg, value in enumerate(values) for insn in load64(reg, value)]
    insns += [Insn(bpf.ST | bpf.MEM | bpf.DW, 10, 0, -8 * (i + 1), i) for i in range(8)] + work
    for i in range(8):
        insns.append(Insn(bpf.LDX | bpf.MEM | bpf.DW, 9, 10, -8 * (i + 1)))
        insns.append(Insn(bpf.ALU64 | bpf.MUL | bpf.K, bpf.R0, 0, 0, 31))
        insns.append(Insn(bpf.ALU64 | bpf.XOR | bpf.X, bpf.R0, 9))
    for reg in range(1, 9):
        insns.append(Insn(bpf.ALU64 | bpf.MUL | bpf.K, bpf.R0, 0, 0, 31))
        insns.append(Insn(bpf.ALU64 | bpf.XOR | bpf.X, bpf.R0, reg))
    program = fixed_up([*insns, EXIT])
    told = interpret(program, NoInput(), RunLimits())
    assert told.fault is None
    assert run_machine_code(program) == told.r0


@pytest.mark.parametrize(
    "op", [bpf.ADD, bpf.AND, bpf.OR, bpf.XOR, bpf.ADD | 1, bpf.AND | 1, bpf.OR | 1, bpf.XOR | 1, bpf.XCHG, bpf.CMPXCHG]
)
@pytest.mark.parametrize("size", [bpf.W, bpf.DW])
@pytest.mark.parametrize("src", [0, 1, 6])
def test_atomics_do_what_the_interpreter_does(op: int, size: int, src: int) -> None:
    store = Insn(bpf.STX | bpf.MEM | bpf.DW, 10, 3, -8)
    insns = [*load64(0, 0x1122334455667788), *load64(1, 5), *load64(6, 9), *load64(3, 0xF0F0F0F0F0F0F0F0), store]
    insns += [Insn(bpf.STX | bpf.ATOMIC | size, 10, src, -8, op), Insn(bpf.LDX | bpf.MEM | bpf.DW, 4, 10, -8)]
    insns += [Insn(bpf.ALU64 | bpf.MUL | bpf.K, 0, 0, 0, 31), Insn(bpf.ALU64 | bpf.XOR | bpf.X, 0, src)]
    program = fixed_up([*insns, Insn(bpf.ALU64 | bpf.XOR | bpf.X, 0, 4), EXIT])
    assert run_machine_code(program) == interpret(program, NoInput(), RunLimits()).r0


def test_a_program_is_one_frame_around_its_body() -> None:
    image = translate(
        rewritten([Insn(bpf.ALU64 | bpf.MOV | bpf.K, 6, 0, 0, 1), Insn(bpf.ALU64 | bpf.MOV | bpf.X, 0, 6), EXIT])
    )
    assert image.code.hex() == "f30f1efa0f1f4400000f1f00554889e5f30f1efa53bb010000004889d85bc9c3cc"
    assert image.func_lens == (len(image.code),)
    assert image.insn_offsets == (21, 26, 29)
