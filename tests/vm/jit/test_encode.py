"""What the encoder writes is what a disassembler reads."""

from __future__ import annotations

import pytest
from capstone import CS_ARCH_X86, CS_MODE_64, Cs
from hypothesis import given
from hypothesis import strategies as st

from vm.jit import encode as x86
from vm.jit.encode import GROUP1, NOPS, SHIFTS, Cond, Reg

ENGINE = Cs(CS_ARCH_X86, CS_MODE_64)
REGS = st.sampled_from(Reg)
WIDE = st.booleans()
IMM32 = st.integers(-(1 << 31), (1 << 31) - 1)


def read(code: bytes) -> str:
    """The one instruction `code` holds, as text."""
    lines = list(ENGINE.disasm_lite(code, 0))
    assert [size for _, size, _, _ in lines] == [len(code)]
    return f"{lines[0][2]} {lines[0][3]}".strip()


def name(reg: Reg, wide: bool) -> str:
    low = reg.name.lower()
    if wide:
        return low
    return low + "d" if reg >= Reg.R8 else "e" + low[1:]


@given(st.sampled_from(sorted(GROUP1)), REGS, REGS, WIDE)
def test_two_registers(op: str, dst: Reg, src: Reg, wide: bool) -> None:
    assert read(x86.group1(op, dst, src, wide)) == f"{op} {name(dst, wide)}, {name(src, wide)}"


@given(st.sampled_from(["add", "or", "and", "sub", "xor"]), REGS, IMM32, WIDE)
def test_register_and_constant(op: str, dst: Reg, imm: int, wide: bool) -> None:
    text = read(x86.group1_imm(op, dst, imm, wide))
    mnemonic, operands = text.split(" ", 1)
    register, value = operands.split(", ")
    assert (mnemonic, register) == (op, name(dst, wide))
    bits = 64 if wide else 32
    assert (int(value, 0) - imm) % (1 << bits) == 0


@given(REGS, st.integers(0, (1 << 64) - 1))
def test_the_shortest_load_of_a_constant_loads_it(dst: Reg, imm: int) -> None:
    code = x86.mov_imm64(dst, imm)
    text = read(code)
    if imm == 0:
        assert text == f"xor {name(dst, False)}, {name(dst, False)}"
        return
    mnemonic, operands = text.split(" ", 1)
    register, value = operands.split(", ")
    assert mnemonic in ("mov", "movabs")
    wide = register == dst.name.lower()
    assert register == name(dst, wide)
    assert int(value, 0) % (1 << (64 if wide else 32)) == imm
    assert len(code) == 10 if not imm < 1 << 32 and not x86.fits_signed32(imm) else len(code) <= 7


@given(REGS, REGS, WIDE)
def test_move(dst: Reg, src: Reg, wide: bool) -> None:
    code = x86.mov(dst, src, wide)
    if wide and dst == src:
        assert code == b""
    else:
        assert read(code) == f"mov {name(dst, wide)}, {name(src, wide)}"


@given(st.sampled_from(sorted(SHIFTS)), REGS, st.integers(1, 63), WIDE)
def test_shift_by_a_constant(op: str, dst: Reg, count: int, wide: bool) -> None:
    text = read(x86.shift_imm(op, dst, count, wide))
    assert text.startswith(f"{op} {name(dst, wide)}")
    assert (len(text.split(", ")) == 1 and count == 1) or int(text.split(", ")[1], 0) == count


@given(st.sampled_from(sorted(SHIFTS)), REGS, REGS, WIDE)
def test_shift_by_a_register(op: str, dst: Reg, count: Reg, wide: bool) -> None:
    text = read(x86.shift_bmi2(op, dst, count, wide))
    assert text == f"{op}x {name(dst, wide)}, {name(dst, wide)}, {name(count, wide)}"


@given(REGS, REGS, st.integers(-(1 << 15), (1 << 15) - 1))
def test_memory(reg: Reg, base: Reg, disp: int) -> None:
    text = read(x86.rex(True, reg, base) + b"\x8b" + x86.memory(reg, base, disp))
    assert text.startswith(f"mov {name(reg, True)}, qword ptr [{name(base, True)}")
    shown = text.split("[")[1].rstrip("]").removeprefix(name(base, True)).replace(" ", "")
    assert int(shown or "0", 0) == disp


@given(REGS, REGS, st.sampled_from([reg for reg in Reg if reg != Reg.RSP]), st.integers(-(1 << 15), (1 << 15) - 1))
def test_memory_with_index(reg: Reg, base: Reg, index: Reg, disp: int) -> None:
    text = read(x86.rex(True, reg, base, index) + b"\x89" + x86.memory_indexed(reg, base, index, disp))
    assert text.split("[")[1].startswith(f"{name(base, True)} + {name(index, True)}")
    assert text.endswith(f", {name(reg, True)}")


@given(REGS)
def test_push_and_pop(reg: Reg) -> None:
    assert read(x86.push(reg)) == f"push {name(reg, True)}"
    assert read(x86.pop(reg)) == f"pop {name(reg, True)}"


@pytest.mark.parametrize("cond", list(Cond))
def test_both_forms_of_a_jump_reach_the_same_place(cond: Cond) -> None:
    short, near = read(x86.jump_short(cond, 20)), read(x86.jump_near(cond, 16))
    assert short == near == f"j{cond.name.lower()} 0x16"


@pytest.mark.parametrize("length", range(len(NOPS)))
def test_nops_do_nothing(length: int) -> None:
    assert len(x86.nops(length)) == length
    assert all(mnemonic == "nop" for _, _, mnemonic, _ in ENGINE.disasm_lite(x86.nops(length), 0))


def test_long_nops_are_the_longest_first() -> None:
    assert x86.nops(11) == bytes.fromhex(NOPS[8] + NOPS[3])
