"""A printed instruction as an instruction, as far as its words carry it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from vm.asm.cursor import Cursor
from vm.asm.kernel import statement
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import reads

_HELPER: Final = re.compile(r"call (\S{1,128})#(-?\d{1,10})$")
_PC: Final = re.compile(r"call pc[+-]")


class Decoded(NamedTuple):
    """insns -- one, or two for a 64-bit load; none if the words carry no whole instruction
    called -- name of the helper or kernel function
    reads -- registers read; writes -- the one written, -1 for none
    slot -- offset of the stack slot stored to, 0 for none: the lowest byte, through r10
    """

    insns: tuple[Insn, ...]
    called: str
    reads: tuple[int, ...]
    writes: int
    slot: int


_NOTHING: Final = Decoded((), "", (), -1, 0)


def decode(code: int, text: str) -> Decoded:
    """The instruction of an opcode and its words; nothing where the two do not agree."""
    return _decoded(code, text) if code >= 0 and len(text) <= 200 else _NOTHING


@lru_cache(maxsize=1 << 14)
def _decoded(code: int, text: str) -> Decoded:
    called = _HELPER.match(text)
    if called is not None and code == o.JMP | o.CALL:
        number = int(called[2])
        kfunc = called[1] == "kernel-function" or not called[1].startswith("bpf_") or number > 5000
        insn = Insn(code, 0, o.PSEUDO_KFUNC_CALL if kfunc else 0, 0, number)
        return Decoded((insn,), called[1], reads(insn), 0, 0)
    try:
        # The kernel prints a 64-bit number without the "ll" of assembly.
        parsed = statement(Cursor(f"{text} ll" if code == o.LD_IMM64 else text, 1))
    except InputError:
        return _NOTHING
    if any(ref is not None for _, ref in parsed):
        return _NOTHING
    insns = tuple(insn for insn, _ in parsed)
    first = insns[0]
    if first.code != code:
        return _NOTHING
    return Decoded(insns, "", reads(first), _written(first), _slot(first))


def _written(insn: Insn) -> int:
    cls = insn.code & 7
    if cls in (o.ALU, o.ALU64, o.LDX):
        return insn.dst_reg
    if cls == o.LD:
        return insn.dst_reg if insn.code & 0xE0 == o.IMM else 0
    if cls == o.STX and insn.code & 0xE0 == o.ATOMIC and insn.imm & o.FETCH:
        return 0 if insn.imm == o.CMPXCHG else insn.src_reg
    if insn.code == o.JMP | o.CALL:
        return 0
    return -1


def _slot(insn: Insn) -> int:
    if insn.code & 7 in (o.ST, o.STX) and insn.dst_reg == o.REG_FP and insn.off < 0:
        return insn.off
    return 0
