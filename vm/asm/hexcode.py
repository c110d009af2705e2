"""Raw instructions as hexadecimal text."""

from __future__ import annotations

import re
from typing import Final

from vm.asm.assembler import build
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import INSN_SIZE, Insn, decode
from vm.program import Object

_COMMENT: Final = re.compile(r"(?:;|//|#)[^\n]*")
_SEPARATOR: Final = re.compile(r"0[xX]|\\x|[\s,:{}\"']+")
# An initialiser as C has it: 0x95, 0, 0x1
_C_BYTES: Final = re.compile(r"[\s{]*(?:0[xX])[0-9a-fA-F]{1,2}(?:\s*,\s*(?:0[xX])?[0-9a-fA-F]{1,2})+[\s,};]*")
_NO_HEX: Final = re.compile(r"[^0-9a-fA-F]")

_ALU_OPS: Final = frozenset(range(o.ADD, o.END + 0x10, 0x10))
_JMP_OPS: Final = frozenset(range(o.JA, o.JCOND + 0x10, 0x10))


def from_hex(text: str, *, name: str = "program", prog_type: str = "xdp") -> Object:
    """A program from hex digits, eight bytes an instruction; spaces, commas, 0x, quotes and comments may be between.

    InputError names an odd digit, a part of an instruction too few, and a reserved opcode with its place.
    """
    data = parse_hex(text)
    if not data:
        raise InputError("There are no hex digits in the text.")
    if len(data) % INSN_SIZE:
        rest = len(data) % INSN_SIZE
        raise InputError(
            f"{len(data)} bytes are no whole number of 8-byte instructions: the last one has {rest} of its 8 bytes."
        )
    insns = decode(data)
    _check(insns)
    return build(insns, name=name, prog_type=prog_type)


def parse_hex(text: str) -> bytes:
    """Bytes of hex text; InputError with line and column of what is no hex digit, or of a digit left over."""
    bare = _COMMENT.sub("", text)
    if _C_BYTES.fullmatch(bare):
        return bytes(int(byte, 16) for byte in re.findall(r"[0-9a-fA-F]+(?![xX])", bare))
    digits = []
    for number, row in enumerate(text.split("\n"), 1):
        row = _COMMENT.sub("", row)
        clean = _SEPARATOR.sub(lambda m: " " * len(m[0]), row)
        for column, char in enumerate(clean, 1):
            if char == " ":
                continue
            if _NO_HEX.match(char):
                raise InputError(
                    f"Line {number}, column {column}: {char!r} is no hex digit.", line=number, column=column
                )
            digits.append((char, number, column))
    if len(digits) % 2:
        _, number, column = digits[-1]
        raise InputError(
            f"The text has {len(digits)} hex digits, an odd number: the one at line {number}, column {column} is "
            "left over, or one is missing before it.",
            line=number,
            column=column,
        )
    return bytes.fromhex("".join(char for char, _, _ in digits))


def _check(insns: tuple[Insn, ...]) -> None:
    idx = 0
    while idx < len(insns):
        insn = insns[idx]
        if insn.code == o.LD_IMM64:
            if idx + 1 >= len(insns):
                raise InputError(f"Instruction {idx} (byte {idx * 8}) is a 64-bit load without its second half.")
            idx += 2
            continue
        if reserved(insn.code):
            raise InputError(f"Instruction {idx} (byte {idx * 8}) has the reserved opcode {insn.code:#04x}.")
        idx += 1


def reserved(code: int) -> bool:
    """Whether RFC 9669 and the kernel give the opcode no meaning."""
    cls = o.cls(code)
    if cls in (o.ALU, o.ALU64):
        return o.op(code) not in _ALU_OPS or code in (o.ALU64 | o.END | o.TO_BE, *_NEG_X)
    if cls in (o.JMP, o.JMP32):
        if o.op(code) in (o.CALL, o.EXIT, o.JCOND):
            return code not in (o.JMP | o.CALL, o.JMP | o.EXIT, o.JMP | o.JCOND)
        return o.op(code) not in _JMP_OPS or code in (o.JMP | o.JA | o.X, o.JMP32 | o.JA | o.X)
    mode, size = o.mode(code), o.size(code)
    if cls == o.LD:
        return not (mode in (o.ABS, o.IND) and size != o.DW)
    if cls == o.LDX:
        return not (mode == o.MEM or (mode == o.MEMSX and size != o.DW))
    if cls == o.STX:
        return not (mode == o.MEM or (mode == o.ATOMIC and size in (o.W, o.DW)))
    return mode != o.MEM


_NEG_X: Final = (o.ALU | o.NEG | o.X, o.ALU64 | o.NEG | o.X)
