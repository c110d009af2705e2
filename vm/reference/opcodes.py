"""Which explanation an instruction has, by its opcode byte and the fields that tell its variants apart (RFC 9669)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o

_LOADS: Final = {o.MEM: "load", o.MEMSX: "load-signed"}
_ALU: Final = {
    o.ADD: "add", o.SUB: "sub", o.MUL: "mul", o.DIV: "div", o.OR: "or", o.AND: "and", o.LSH: "lsh", o.RSH: "rsh",
    o.NEG: "neg", o.MOD: "mod", o.XOR: "xor", o.ARSH: "arsh", o.END: "byteswap",
}  # fmt: skip
_SIGNED: Final = frozenset({o.JSGT, o.JSGE, o.JSLT, o.JSLE})
_COND: Final = frozenset({o.JEQ, o.JGT, o.JGE, o.JSET, o.JNE, o.JLT, o.JLE}) | _SIGNED
_CALLS: Final = {0: "call-helper", o.PSEUDO_CALL: "call-subprog", o.PSEUDO_KFUNC_CALL: "call-kfunc"}
_WITH_OFF: Final = {"div": "sdiv", "mod": "smod", "mov": "mov-signed"}


def explanation(code: int, src_reg: int = 0, off: int = 0) -> str:
    """The name of an instruction's entry in instructions.txt; "" for an opcode that does not exist."""
    kind = code & 0x07
    if kind in (o.LD, o.LDX, o.ST, o.STX):
        return _memory(code, kind)
    if kind in (o.ALU, o.ALU64):
        return _alu(code, kind, off)
    return _jump(code, kind, src_reg)


def _memory(code: int, kind: int) -> str:
    mode = code & 0xE0
    if kind == o.LD:
        return "load-imm64" if code == o.LD_IMM64 else "load-packet" if mode in (o.ABS, o.IND) else ""
    if kind == o.LDX:
        return _LOADS.get(mode, "")
    if kind == o.STX and mode == o.ATOMIC:
        return "atomic"
    return ("store" if kind == o.STX else "store-imm") if mode == o.MEM else ""


def _alu(code: int, kind: int, off: int) -> str:
    op = code & 0xF0
    if op == o.MOV:
        if kind == o.ALU64 and off == 1 and code & o.X:
            return "addr-space-cast"
        name = "mov32" if kind == o.ALU else "mov"
        return "mov-signed" if off and code & o.X else name
    name = _ALU.get(op, "")
    return _WITH_OFF.get(name, name) if off else name


def _jump(code: int, kind: int, src_reg: int) -> str:
    op = code & 0xF0
    if op == o.JA:
        return "jump"
    if op == o.EXIT:
        return "exit" if kind == o.JMP else ""
    if op == o.CALL:
        return _CALLS.get(src_reg, "") if kind == o.JMP else ""
    if op == o.JCOND:
        return "may-goto" if kind == o.JMP else ""
    if op not in _COND:
        return ""
    if kind == o.JMP32:
        return "cond-jump32"
    return "cond-jump-signed" if op in _SIGNED else "cond-jump"
