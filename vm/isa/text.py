"""One instruction as the kernel's verifier log prints it (print_bpf_insn in kernel/bpf/disasm.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn

CallName = Callable[[Insn], str | None]
ImmName = Callable[[Insn, int], str]

# What the kernel's printf makes of a table entry that is not there.
_NO_STRING: Final = "(null)"

ALU_OPS: Final = {
    o.ADD: "+=", o.SUB: "-=", o.MUL: "*=", o.DIV: "/=", o.OR: "|=", o.AND: "&=", o.LSH: "<<=", o.RSH: ">>=",
    o.NEG: "neg", o.MOD: "%=", o.XOR: "^=", o.MOV: "=", o.ARSH: "s>>=", o.END: "endian",
}  # fmt: skip
ALU_SIGNED_OPS: Final = {o.DIV: "s/=", o.MOD: "s%="}
MOVSX_CASTS: Final = {8: "(s8)", 16: "(s16)", 32: "(s32)"}
JMP_OPS: Final = {
    o.JA: "jmp", o.JEQ: "==", o.JGT: ">", o.JLT: "<", o.JGE: ">=", o.JLE: "<=", o.JSET: "&", o.JNE: "!=",
    o.JSGT: "s>", o.JSLT: "s<", o.JSGE: "s>=", o.JSLE: "s<=", o.CALL: "call", o.EXIT: "exit",
}  # fmt: skip
MEM_SIZES: Final = {o.W: "u32", o.H: "u16", o.B: "u8", o.DW: "u64"}
MEMSX_SIZES: Final = {o.W: "s32", o.H: "s16", o.B: "s8"}
ATOMIC_OPS: Final = {o.ADD: "add", o.AND: "and", o.OR: "or", o.XOR: "xor"}

_PTR_IMMS: Final = frozenset(
    {o.PSEUDO_MAP_FD, o.PSEUDO_MAP_VALUE, o.PSEUDO_MAP_IDX, o.PSEUDO_MAP_IDX_VALUE, o.PSEUDO_BTF_ID}
)
_ADDR_SPACE_CAST: Final = 1
_PERCPU_ADDR: Final = -1  # off of a mov that only the kernel's own fixups make


def insn_text(
    insns: Sequence[Insn],
    idx: int,
    *,
    call_name: CallName | None = None,
    imm_name: ImmName | None = None,
    allow_ptr_leaks: bool = True,
) -> str:
    """Text of the instruction at slot `idx`, opcode in front: "(61) r0 = *(u32 *)(r1 +80)".

    call_name -- name of what a call calls (helper, kfunc, or subprogram: then with what follows "pc"),
                 None for "not known": a helper is then "unknown", a kfunc "kernel-function", a
                 subprogram its distance ("pc+5").
    imm_name  -- text of a 64-bit immediate, given the instruction and its unsigned value; hexadecimal by default.
    allow_ptr_leaks -- False prints 0 for immediates that stand for kernel addresses, as for unprivileged users.

    `insns` must hold both slots of a 64-bit load.
    """
    insn = insns[idx]
    code = insn.code
    cls = code & 0x07
    if cls == o.LD and code & 0xF8 == o.IMM | o.DW:
        upper = insns[idx + 1].imm & 0xFFFFFFFF
        return f"({code:02x}) r{insn.dst_reg} = {_imm64(insn, upper, imm_name, allow_ptr_leaks)}"
    if cls in (o.JMP, o.JMP32):
        return _jump(insn, call_name)
    return _BY_CLASS[cls](insn)


def _imm64(insn: Insn, upper: int, imm_name: ImmName | None, allow_ptr_leaks: bool) -> str:
    value = upper << 32 | insn.imm & 0xFFFFFFFF
    if insn.src_reg in _PTR_IMMS and not allow_ptr_leaks:
        return "0x0"
    return imm_name(insn, value) if imm_name else f"0x{value:x}"


def _alu(insn: Insn) -> str:
    code, dst, src, off, imm = insn
    wide = code & 0x07 == o.ALU64
    op = code & 0xF0
    r = "r" if wide else "w"
    if op == o.END:
        swap = "bswap" if wide else "be" if code & 0x08 == o.TO_BE else "le"
        return f"({code:02x}) r{dst} = {swap}{imm} r{dst}"
    if op == o.NEG:
        return f"({code:02x}) {r}{dst} = -{r}{dst}"
    if code == o.ALU64 | o.MOV | o.X:
        if off == _ADDR_SPACE_CAST:
            return f"({code:02x}) r{dst} = addr_space_cast(r{src}, {imm >> 16 & 0xFFFF}, {imm & 0xFFFF})"
        if off == _PERCPU_ADDR:
            return f"({code:02x}) r{dst} = &(void __percpu *)(r{src})"
    text = ALU_SIGNED_OPS[op] if off == 1 and op in ALU_SIGNED_OPS else ALU_OPS.get(op, _NO_STRING)
    if code & 0x08 == o.K:
        return f"({code:02x}) {r}{dst} {text} {imm}"
    cast = MOVSX_CASTS.get(off, "") if op == o.MOV else ""
    return f"({code:02x}) {r}{dst} {text} {cast}{r}{src}"


def _stx(insn: Insn) -> str:
    code, dst, src, off, imm = insn
    size = MEM_SIZES[code & 0x18]
    where = f"*({size} *)(r{dst} {off:+d})"
    mode = code & 0xE0
    if mode == o.MEM:
        return f"({code:02x}) {where} = r{src}"
    if mode != o.ATOMIC:
        return f"BUG_{code:02x}"
    if imm in ATOMIC_OPS:
        return f"({code:02x}) lock {where} {ALU_OPS[imm]} r{src}"
    # The kernel prints the pointer of the returning forms without the star in front.
    wide = "64" if code & 0x18 == o.DW else ""
    if imm & ~o.FETCH in ATOMIC_OPS and imm & o.FETCH:
        op = f"fetch_{ATOMIC_OPS[imm & ~o.FETCH]}"
        return f"({code:02x}) r{src} = atomic{wide}_{op}({where[1:]}, r{src})"
    if imm == o.CMPXCHG:
        return f"({code:02x}) r0 = atomic{wide}_cmpxchg({where[1:]}, r0, r{src})"
    if imm == o.XCHG:
        return f"({code:02x}) r{src} = atomic{wide}_xchg({where[1:]}, r{src})"
    return f"BUG_{code:02x}"


def _st(insn: Insn) -> str:
    code, dst, _, off, imm = insn
    mode = code & 0xE0
    if mode == o.MEM:
        return f"({code:02x}) *({MEM_SIZES[code & 0x18]} *)(r{dst} {off:+d}) = {imm}"
    if mode == o.ATOMIC:  # the kernel's internal speculation barrier
        return f"({code:02x}) nospec"
    return f"BUG_st_{code:02x}"


def _ldx(insn: Insn) -> str:
    code, dst, src, off, _ = insn
    mode = code & 0xE0
    if mode not in (o.MEM, o.MEMSX):
        return f"BUG_ldx_{code:02x}"
    sizes = MEM_SIZES if mode == o.MEM else MEMSX_SIZES
    return f"({code:02x}) r{dst} = *({sizes.get(code & 0x18, _NO_STRING)} *)(r{src} {off:+d})"


def _ld(insn: Insn) -> str:
    code, _, src, _, imm = insn
    mode = code & 0xE0
    size = MEM_SIZES[code & 0x18]
    if mode == o.ABS:
        return f"({code:02x}) r0 = *({size} *)skb[{imm}]"
    if mode == o.IND:
        return f"({code:02x}) r0 = *({size} *)skb[r{src} + {imm}]"
    return f"BUG_ld_{code:02x}"


def _jump(insn: Insn, call_name: CallName | None) -> str:
    code, dst, src, off, imm = insn
    op = code & 0xF0
    if op == o.CALL:
        return f"({code:02x}) call {_callee(insn, call_name)}"
    if code == o.JMP | o.JA:
        return f"({code:02x}) goto pc{off:+d}"
    if code == o.JMP | o.JCOND and src == o.MAY_GOTO:
        return f"({code:02x}) may_goto pc{off:+d}"
    if code == o.JMP32 | o.JA:
        return f"({code:02x}) gotol pc{imm:+d}"
    if code == o.JMP | o.EXIT:
        return f"({code:02x}) exit"
    r = "r" if code & 0x07 == o.JMP else "w"
    right = f"{r}{src}" if code & 0x08 == o.X else f"0x{imm & 0xFFFFFFFF:x}"
    return f"({code:02x}) if {r}{dst} {JMP_OPS.get(op, _NO_STRING)} {right} goto pc{off:+d}"


def _callee(insn: Insn, call_name: CallName | None) -> str:
    name = call_name(insn) if call_name else None
    if insn.src_reg == o.PSEUDO_CALL:
        return f"pc{name or format(insn.imm, '+d')}"
    if name is None:
        name = "kernel-function" if insn.src_reg == o.PSEUDO_KFUNC_CALL else "unknown"
    return f"{name}#{insn.imm}"


_BY_CLASS: Final = {
    o.LD: _ld, o.LDX: _ldx, o.ST: _st, o.STX: _stx, o.ALU: _alu, o.ALU64: _alu,
}  # fmt: skip
