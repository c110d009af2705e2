"""Loads, stores and atomic operations to x86-64.

A load the verifier could not prove safe (PROBE_*) is preceded by a check that its address is the kernel's, and the
load itself is a `Probe`: if it faults, execution goes on behind it with the destination cleared (ex_handler_bpf).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.bits import U64
from vm.errors import NotEmulated
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import encode as x86
from vm.jit.encode import Cond, Reg
from vm.jit.registers import ARENA_REG, AUX_REG, AX_REG, BPF_TO_X86

Lower = Callable[[Insn], bytes]


class Probe(NamedTuple):
    """Machine code whose access at `offset`, `length` bytes long, may fault: `clears` is zeroed then."""

    code: bytes
    offset: int
    length: int
    clears: Reg | None


LowerProbe = Callable[[Insn], Probe]

SIZES: Final = (bpf.B, bpf.H, bpf.W, bpf.DW)
NOSPEC: Final = bpf.ST | 0xC0
# asm/vsyscall.h, and TASK_SIZE_MAX + PAGE_SIZE - VSYSCALL_ADDR of a kernel with five-level page tables.
VSYSCALL_ADDR: Final = 0xFFFFFFFFFF600000
PROBE_LIMIT: Final = (1 << 56) - VSYSCALL_ADDR & U64
# size -> (opcode, REX.W, REX even when empty)
_LOADS: Final = {
    bpf.B: (b"\x0f\xb6", True),
    bpf.H: (b"\x0f\xb7", True),
    bpf.W: (b"\x8b", False),
    bpf.DW: (b"\x8b", True),
}
_LOADS_SIGNED: Final = {bpf.B: b"\x0f\xbe", bpf.H: b"\x0f\xbf", bpf.W: b"\x63"}
# size -> (prefix, opcode of the register form, opcode of the immediate form, immediate's bytes)
_STORES: Final = {
    bpf.B: (b"", b"\x88", b"\xc6", 1),
    bpf.H: (b"\x66", b"\x89", b"\xc7", 2),
    bpf.W: (b"", b"\x89", b"\xc7", 4),
    bpf.DW: (b"", b"\x89", b"\xc7", 4),
}
# imm of an atomic operation -> opcode after `lock`
_ATOMICS: Final = {
    bpf.ADD: b"\x01",
    bpf.AND: b"\x21",
    bpf.OR: b"\x09",
    bpf.XOR: b"\x31",
    bpf.ADD | bpf.FETCH: b"\x0f\xc1",
    bpf.XCHG: b"\x87",
    bpf.CMPXCHG: b"\x0f\xb1",
}
# Fetching forms x86 has no instruction for: a compare-and-exchange loop around this operation.
_ATOMIC_LOOPS: Final = {bpf.AND | bpf.FETCH: "and", bpf.OR | bpf.FETCH: "or", bpf.XOR | bpf.FETCH: "xor"}
# Low bytes of these are only reachable with a REX prefix.
_BYTE_NEEDS_REX: Final = frozenset({Reg.RSP, Reg.RBP, Reg.RSI, Reg.RDI})


def _immediate(size: int, imm: int) -> bytes:
    return x86.le32(imm)[: _STORES[size][3]]


def load_at(size: int, dst: int, base: int, disp: int) -> bytes:
    """dst = *(size *)(base + disp), zero-extended."""
    opcode, wide = _LOADS[size]
    return x86.rex(wide, dst, base) + opcode + x86.memory(dst, base, disp)


def load(insn: Insn) -> bytes:
    return load_at(bpf.size(insn.code), BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg], insn.off)


def load_signed(insn: Insn) -> bytes:
    dst, base = BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    return x86.rex(True, dst, base) + _LOADS_SIGNED[bpf.size(insn.code)] + x86.memory(dst, base, insn.off)


def store(insn: Insn) -> bytes:
    size, base, src = bpf.size(insn.code), BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    prefix, opcode, _, _ = _STORES[size]
    rex = x86.rex(size == bpf.DW, src, base, always=size == bpf.B and src in _BYTE_NEEDS_REX)
    return prefix + rex + opcode + x86.memory(src, base, insn.off)


def store_imm(insn: Insn) -> bytes:
    size, base = bpf.size(insn.code), BPF_TO_X86[insn.dst_reg]
    prefix, _, opcode, _ = _STORES[size]
    return (
        prefix + x86.rex(size == bpf.DW, 0, base) + opcode + x86.memory(0, base, insn.off) + _immediate(size, insn.imm)
    )


def _probe_kernel(access: Lower) -> LowerProbe:
    def lower(insn: Insn) -> Probe:
        src, dst = BPF_TO_X86[insn.src_reg], BPF_TO_X86[insn.dst_reg]
        code = x86.mov_imm64(AX_REG, VSYSCALL_ADDR)
        code += x86.mov(AUX_REG, src)
        if insn.off:
            code += x86.reg_only(b"\x81", 0, AUX_REG, True) + x86.le32(insn.off)
        code += x86.group1("sub", AUX_REG, AX_REG, True)
        code += x86.mov_imm64(AX_REG, PROBE_LIMIT)
        code += x86.group1("cmp", AUX_REG, AX_REG, True)
        clear = x86.mov_imm32(dst, 0, sign_extend=False)
        loading = access(insn)
        code += x86.jump_short(Cond.A, len(clear) + 2) + clear + x86.jump_short(None, len(loading))
        return Probe(code + loading, len(code), len(loading), dst)

    return lower


def _arena(insn: Insn) -> Probe:
    """An access to [arena + 32-bit pointer]: LDX, STX or ST with PROBE_MEM32."""
    size, cls = bpf.size(insn.code), bpf.cls(insn.code)
    is_load = cls == bpf.LDX
    base = BPF_TO_X86[insn.src_reg if is_load else insn.dst_reg]
    if is_load:
        value, wide = BPF_TO_X86[insn.dst_reg], size == bpf.DW
        prefix, opcode, tail = b"", _LOADS[size][0], b""
    elif cls == bpf.STX:
        value, wide = BPF_TO_X86[insn.src_reg], size == bpf.DW
        prefix, opcode, tail = _STORES[size][0], _STORES[size][1], b""
    else:
        value, wide = Reg.RAX, size == bpf.DW
        prefix, opcode, tail = _STORES[size][0], _STORES[size][2], _immediate(size, insn.imm)
    rex = x86.rex(wide, value, base, ARENA_REG)
    code = prefix + rex + opcode + x86.memory_indexed(value, base, ARENA_REG, insn.off) + tail
    return Probe(code, 0, len(code), value if is_load else None)


def _atomic_opcode(insn: Insn) -> bytes:
    opcode = _ATOMICS.get(insn.imm)
    if opcode is None:
        raise NotEmulated(f"the atomic operation {insn.imm:#x}", kind="machine code", name=f"{insn.imm:#x}")
    return opcode


def atomic(insn: Insn) -> bytes:
    base, src = BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    if insn.imm in _ATOMIC_LOOPS:
        return _atomic_loop(insn)
    rex = x86.rex(bpf.size(insn.code) == bpf.DW, src, base)
    return b"\xf0" + rex + _atomic_opcode(insn) + x86.memory(src, base, insn.off)


def _atomic_loop(insn: Insn) -> bytes:
    """r0's register is cmpxchg's own: it waits in r10, and stands there in for a base or source of r0."""
    size = bpf.size(insn.code)
    wide = size == bpf.DW
    base = AX_REG if insn.dst_reg == bpf.R0 else BPF_TO_X86[insn.dst_reg]
    src = AX_REG if insn.src_reg == bpf.R0 else BPF_TO_X86[insn.src_reg]
    again = load_at(size, Reg.RAX, base, insn.off)
    again += x86.mov(AUX_REG, Reg.RAX, wide)
    again += x86.group1(_ATOMIC_LOOPS[insn.imm], AUX_REG, src, wide)
    again += b"\xf0" + x86.rex(wide, AUX_REG, base) + _ATOMICS[bpf.CMPXCHG] + x86.memory(AUX_REG, base, insn.off)
    again += x86.jump_short(Cond.NE, -len(again) - 2)
    return x86.mov(AX_REG, Reg.RAX) + again + x86.mov(src, Reg.RAX, wide) + x86.mov(Reg.RAX, AX_REG)


def _arena_atomic(insn: Insn) -> Probe:
    base, src = BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    rex = x86.rex(bpf.size(insn.code) == bpf.DW, src, base, ARENA_REG)
    code = b"\xf0" + rex + _atomic_opcode(insn) + x86.memory_indexed(src, base, ARENA_REG, insn.off)
    return Probe(code, 0, len(code), None)


def _nospec(insn: Insn) -> bytes:
    return x86.LFENCE


def _table() -> dict[int, Lower]:
    table: dict[int, Lower] = {NOSPEC: _nospec}
    for size in SIZES:
        table[bpf.LDX | bpf.MEM | size] = load
        table[bpf.STX | bpf.MEM | size] = store
        table[bpf.ST | bpf.MEM | size] = store_imm
    for size in _LOADS_SIGNED:
        table[bpf.LDX | bpf.MEMSX | size] = load_signed
    for size in (bpf.W, bpf.DW):
        table[bpf.STX | bpf.ATOMIC | size] = atomic
    return table


def _probe_table() -> dict[int, LowerProbe]:
    table: dict[int, LowerProbe] = {}
    for size in SIZES:
        table[bpf.LDX | bpf.PROBE_MEM | size] = _probe_kernel(load)
        for cls in (bpf.LDX, bpf.STX, bpf.ST):
            table[cls | bpf.PROBE_MEM32 | size] = _arena
    for size in _LOADS_SIGNED:
        table[bpf.LDX | bpf.PROBE_MEMSX | size] = _probe_kernel(load_signed)
    for size in (bpf.W, bpf.DW):
        table[bpf.STX | bpf.PROBE_ATOMIC | size] = _arena_atomic
    return table


TABLE: Final = _table()
PROBES: Final = _probe_table()
