"""Arithmetic, moves, shifts, byte swaps: BPF_ALU and BPF_ALU64 to x86-64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.errors import NotEmulated
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import encode as x86
from vm.jit.encode import Reg
from vm.jit.registers import AUX_REG, BPF_TO_X86
from vm.kernel.addresses import THIS_CPU_OFF

Lower = Callable[[Insn], bytes]

GROUP1: Final = {bpf.ADD: "add", bpf.SUB: "sub", bpf.AND: "and", bpf.OR: "or", bpf.XOR: "xor"}
SHIFTS: Final = {bpf.LSH: "shl", bpf.RSH: "shr", bpf.ARSH: "sar"}
# MOV with these offsets is no sign extension (include/linux/filter.h).
ADDR_SPACE_CAST: Final = 1
ADDR_PERCPU: Final = -1
CAST_USER_IMM: Final = 1 << 16


def _wide(insn: Insn) -> bool:
    return bpf.cls(insn.code) == bpf.ALU64


def group1_x(insn: Insn) -> bytes:
    return x86.group1(GROUP1[bpf.op(insn.code)], BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg], _wide(insn))


def group1_k(insn: Insn) -> bytes:
    return x86.group1_imm(GROUP1[bpf.op(insn.code)], BPF_TO_X86[insn.dst_reg], insn.imm, _wide(insn))


def neg(insn: Insn) -> bytes:
    return x86.reg_only(b"\xf7", 3, BPF_TO_X86[insn.dst_reg], _wide(insn))


def mov_k(insn: Insn) -> bytes:
    return x86.mov_imm32(BPF_TO_X86[insn.dst_reg], insn.imm, sign_extend=_wide(insn))


def mov_x(insn: Insn) -> bytes:
    """Plain moves, sign extensions (off is the number of bits) and the per-CPU address move."""
    dst, src = BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    wide = _wide(insn)
    if insn.off == 0:
        return x86.mov(dst, src, wide)
    if wide and insn.off == ADDR_PERCPU:
        return percpu_address(dst, src)
    if insn.off == 8:
        return x86.reg_reg(b"\x0f\xbe", dst, src, wide, always_rex=True)
    if insn.off == 16:
        return x86.reg_reg(b"\x0f\xbf", dst, src, wide)
    if insn.off == 32 and wide:
        return x86.reg_reg(b"\x63", dst, src, wide)
    raise NotEmulated(f"a move with offset {insn.off}", kind="machine code", name=f"{insn.off}")


def percpu_address(dst: int, src: int) -> bytes:
    """mov dst, src; add dst, gs:[this_cpu_off]."""
    absolute = bytes((x86.modrm(0, dst, x86.SIB_FOLLOWS), 0x25))
    return x86.mov(dst, src) + b"\x65" + x86.rex(True, dst, 0) + b"\x03" + absolute + x86.le32(THIS_CPU_OFF)


def mul_k(insn: Insn) -> bytes:
    dst = BPF_TO_X86[insn.dst_reg]
    if x86.fits8(insn.imm):
        return x86.reg_reg(b"\x6b", dst, dst, _wide(insn)) + x86.le8(insn.imm)
    return x86.reg_reg(b"\x69", dst, dst, _wide(insn)) + x86.le32(insn.imm)


def mul_x(insn: Insn) -> bytes:
    return x86.reg_reg(b"\x0f\xaf", BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg], _wide(insn))


def shift_k(insn: Insn) -> bytes:
    return x86.shift_imm(SHIFTS[bpf.op(insn.code)], BPF_TO_X86[insn.dst_reg], insn.imm, _wide(insn))


def shift_x(insn: Insn) -> bytes:
    """BMI2's three-operand shift, unless the count is already in rcx, where the older form needs it."""
    name, dst, src = SHIFTS[bpf.op(insn.code)], BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    if src == Reg.RCX:
        return x86.shift_cl(name, dst, _wide(insn))
    return x86.shift_bmi2(name, dst, src, _wide(insn))


def divide(insn: Insn) -> bytes:
    """Unsigned (off 0) and signed (off 1) division and modulo: rax and rdx, which x86's div uses, live on."""
    wide = _wide(insn)
    dst = BPF_TO_X86[insn.dst_reg]
    code = b""
    if dst != Reg.RAX:
        code += x86.push(Reg.RAX)
    if dst != Reg.RDX:
        code += x86.push(Reg.RDX)
    if bpf.src(insn.code) == bpf.K:
        src = AUX_REG
        code += x86.reg_only(b"\xc7", 0, AUX_REG, True) + x86.le32(insn.imm)
    else:
        src = BPF_TO_X86[insn.src_reg]
        if src in (Reg.RAX, Reg.RDX):
            code += x86.mov(AUX_REG, src)
            src = AUX_REG
    if dst != Reg.RAX:
        code += x86.mov(Reg.RAX, dst, wide)
    if insn.off == 0:
        code += x86.reg_reg(b"\x31", Reg.RDX, Reg.RDX, False) + x86.reg_only(b"\xf7", 6, src, wide)
    else:
        code += x86.rex(wide, 0, 0) + b"\x99" + x86.reg_only(b"\xf7", 7, src, wide)
    result = Reg.RDX if bpf.op(insn.code) == bpf.MOD else Reg.RAX
    if dst != result:
        code += x86.mov(dst, result, wide)
    if dst != Reg.RDX:
        code += x86.pop(Reg.RDX)
    if dst != Reg.RAX:
        code += x86.pop(Reg.RAX)
    return code


def _movzx16(dst: int) -> bytes:
    return x86.reg_reg(b"\x0f\xb7", dst, dst, False)


def swap(insn: Insn) -> bytes:
    """To big-endian, and the unconditional swap: ror or bswap."""
    dst = BPF_TO_X86[insn.dst_reg]
    if insn.imm == 16:
        return b"\x66" + x86.reg_only(b"\xc1", 1, dst, False) + b"\x08" + _movzx16(dst)
    return x86.rex(insn.imm == 64, 0, dst) + bytes((0x0F, 0xC8 | dst & 7))


def to_little(insn: Insn) -> bytes:
    """To little-endian: only cuts to the width."""
    dst = BPF_TO_X86[insn.dst_reg]
    if insn.imm == 16:
        return _movzx16(dst)
    return x86.mov(dst, dst, w=False) if insn.imm == 32 else b""


def _table() -> dict[int, Lower]:
    table: dict[int, Lower] = {}
    for cls in (bpf.ALU, bpf.ALU64):
        for op in GROUP1:
            table[cls | op | bpf.X] = group1_x
            table[cls | op | bpf.K] = group1_k
        for op in SHIFTS:
            table[cls | op | bpf.X] = shift_x
            table[cls | op | bpf.K] = shift_k
        for op in (bpf.DIV, bpf.MOD):
            table[cls | op | bpf.X] = table[cls | op | bpf.K] = divide
        table[cls | bpf.MUL | bpf.X] = mul_x
        table[cls | bpf.MUL | bpf.K] = mul_k
        table[cls | bpf.MOV | bpf.X] = mov_x
        table[cls | bpf.MOV | bpf.K] = mov_k
        table[cls | bpf.NEG] = neg
    table[bpf.ALU | bpf.END | bpf.TO_BE] = table[bpf.ALU64 | bpf.END | bpf.TO_LE] = swap
    table[bpf.ALU | bpf.END | bpf.TO_LE] = to_little
    return table


TABLE: Final = _table()
