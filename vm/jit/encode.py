"""x86-64 machine code, one instruction at a time: registers and immediates in, bytes out.

Only the forms the translation needs. Registers are hardware numbers (0 rax … 15 r15); `w` asks for the 64-bit form.
Encodings are those of the Intel manual volume 2, chapter 2: prefixes, REX or VEX, opcode, ModRM, SIB, displacement,
immediate.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from vm.bits import U64


class Reg(IntEnum):
    """General registers by their hardware number."""

    RAX = 0
    RCX = 1
    RDX = 2
    RBX = 3
    RSP = 4
    RBP = 5
    RSI = 6
    RDI = 7
    R8 = 8
    R9 = 9
    R10 = 10
    R11 = 11
    R12 = 12
    R13 = 13
    R14 = 14
    R15 = 15


class Cond(IntEnum):
    """Condition codes: the low four bits of Jcc."""

    B = 0x2
    AE = 0x3
    E = 0x4
    NE = 0x5
    BE = 0x6
    A = 0x7
    L = 0xC
    GE = 0xD
    LE = 0xE
    G = 0xF


# The one-byte opcode of `op r/m, r` and the /digit of `op r/m, imm` of the two-operand group.
GROUP1: Final = {
    "add": (0x01, 0),
    "or": (0x09, 1),
    "and": (0x21, 4),
    "sub": (0x29, 5),
    "xor": (0x31, 6),
    "cmp": (0x39, 7),
}
# /digit of the shift group and the VEX.pp of its three-operand BMI2 form.
SHIFTS: Final = {"shl": (4, 1), "shr": (5, 3), "sar": (7, 2)}
# The kernel's choice of no-ops, by length (x86_nops, arch/x86/include/asm/nops.h).
NOPS: Final = (
    "", "90", "6690", "0f1f00", "0f1f4000", "0f1f440000", "660f1f440000", "0f1f8000000000", "0f1f840000000000",
)  # fmt: skip
ENDBR64: Final = bytes.fromhex("f30f1efa")
LFENCE: Final = bytes.fromhex("0faee8")
LEAVE: Final = b"\xc9"
RET_INT3: Final = b"\xc3\xcc"
SIB_FOLLOWS: Final = 4


def fits8(value: int) -> bool:
    """Does a sign-extended byte hold `value`?"""
    return -128 <= value <= 127


def fits_signed32(value: int) -> bool:
    """Does a sign-extended 32-bit immediate hold the unsigned 64-bit `value`?"""
    return value < 1 << 31 or value >= (1 << 64) - (1 << 31)


def le8(value: int) -> bytes:
    """The low byte."""
    return bytes((value & 0xFF,))


def le32(value: int) -> bytes:
    """The low 32 bits, little-endian."""
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def rex(w: bool, reg: int, rm: int, index: int = 0, *, always: bool = False) -> bytes:
    """The REX prefix those operands need, or nothing."""
    bits = w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3
    return bytes((0x40 | bits,)) if bits or always else b""


def modrm(mod: int, reg: int, rm: int) -> int:
    """The ModRM byte (or, with scale, index, base, the SIB byte)."""
    return mod << 6 | (reg & 7) << 3 | rm & 7


def reg_reg(opcode: bytes, reg: int, rm: int, w: bool, *, always_rex: bool = False) -> bytes:
    """`opcode` with both operands registers."""
    return rex(w, reg, rm, always=always_rex) + opcode + bytes((modrm(3, reg, rm),))


def reg_only(opcode: bytes, digit: int, rm: int, w: bool) -> bytes:
    """`opcode /digit` on a register."""
    return rex(w, 0, rm) + opcode + bytes((modrm(3, digit, rm),))


def memory(reg: int, base: int, disp: int) -> bytes:
    """ModRM and displacement of [base + disp]. A displacement is always written, of one byte where that holds it."""
    sib = b"\x24" if base & 7 == SIB_FOLLOWS else b""
    if fits8(disp):
        return bytes((modrm(1, reg, base),)) + sib + le8(disp)
    return bytes((modrm(2, reg, base),)) + sib + le32(disp)


def memory_indexed(reg: int, base: int, index: int, disp: int) -> bytes:
    """ModRM, SIB and displacement of [base + index + disp]."""
    sib = bytes((modrm(0, index, base),))
    if fits8(disp):
        return bytes((modrm(1, reg, SIB_FOLLOWS),)) + sib + le8(disp)
    return bytes((modrm(2, reg, SIB_FOLLOWS),)) + sib + le32(disp)


def push(reg: int) -> bytes:
    return rex(False, 0, reg) + bytes((0x50 | reg & 7,))


def pop(reg: int) -> bytes:
    return rex(False, 0, reg) + bytes((0x58 | reg & 7,))


def mov(dst: int, src: int, w: bool = True) -> bytes:
    """mov dst, src. The 32-bit form is never left out: it clears the upper half."""
    if w and dst == src:
        return b""
    return reg_reg(b"\x89", src, dst, w)


def mov_imm32(dst: int, imm: int, sign_extend: bool) -> bytes:
    """The shortest load of a 32-bit immediate: xor, mov r32, or the sign-extending mov r64."""
    if sign_extend and imm & 0x80000000:
        return reg_only(b"\xc7", 0, dst, True) + le32(imm)
    if imm & 0xFFFFFFFF == 0:
        return reg_reg(b"\x31", dst, dst, False)
    return rex(False, 0, dst) + bytes((0xB8 | dst & 7,)) + le32(imm)


def movabs(dst: int, imm: int) -> bytes:
    """mov r64, imm64: ten bytes whatever the value."""
    return rex(True, 0, dst) + bytes((0xB8 | dst & 7,)) + (imm & U64).to_bytes(8, "little")


def mov_imm64(dst: int, imm: int) -> bytes:
    """The shortest load of the unsigned 64-bit `imm`."""
    if imm < 1 << 32:
        return mov_imm32(dst, imm, sign_extend=False)
    if fits_signed32(imm):
        return mov_imm32(dst, imm & 0xFFFFFFFF, sign_extend=True)
    return movabs(dst, imm)


def group1(name: str, dst: int, src: int, w: bool) -> bytes:
    """add/or/and/sub/xor/cmp dst, src."""
    return reg_reg(bytes((GROUP1[name][0],)), src, dst, w)


def group1_imm(name: str, dst: int, imm: int, w: bool) -> bytes:
    """add/or/and/sub/xor dst, imm: the byte form, else rax's own opcode, else the long form."""
    opcode, digit = GROUP1[name]
    if fits8(imm):
        return reg_only(b"\x83", digit, dst, w) + le8(imm)
    if dst == Reg.RAX:
        return rex(w, 0, dst) + bytes((opcode + 4,)) + le32(imm)
    return reg_only(b"\x81", digit, dst, w) + le32(imm)


def test(a: int, b: int, w: bool) -> bytes:
    return reg_reg(b"\x85", b, a, w)


def shift_imm(name: str, dst: int, imm: int, w: bool) -> bytes:
    """shl/shr/sar dst, imm."""
    digit = SHIFTS[name][0]
    if imm == 1:
        return reg_only(b"\xd1", digit, dst, w)
    return reg_only(b"\xc1", digit, dst, w) + le8(imm)


def shift_cl(name: str, dst: int, w: bool) -> bytes:
    """shl/shr/sar dst, cl."""
    return reg_only(b"\xd3", SHIFTS[name][0], dst, w)


def shift_bmi2(name: str, dst: int, count: int, w: bool) -> bytes:
    """shlx/shrx/sarx dst, dst, count: a three-byte VEX prefix, map 0F38, opcode F7."""
    high = dst >> 3
    second = (high ^ 1) << 7 | 1 << 6 | (high ^ 1) << 5 | 2
    third = w << 7 | (~count & 0xF) << 3 | SHIFTS[name][1]
    return bytes((0xC4, second, third, 0xF7, modrm(3, dst, dst)))


def nops(length: int) -> bytes:
    """`length` bytes of no-ops, the longest first."""
    longest = len(NOPS) - 1
    return bytes.fromhex(NOPS[longest]) * (length // longest) + bytes.fromhex(NOPS[length % longest])


def jump_short(cond: Cond | None, distance: int) -> bytes:
    """jmp or jcc over `distance` bytes, two bytes long."""
    return bytes((0xEB if cond is None else 0x70 | cond, distance & 0xFF))


def jump_near(cond: Cond | None, distance: int) -> bytes:
    """jmp (five bytes) or jcc (six)."""
    return (b"\xe9" if cond is None else bytes((0x0F, 0x80 | cond))) + le32(distance)
