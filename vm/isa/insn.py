"""One 8-byte instruction slot and its binary form (RFC 9669 section 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from vm.errors import InputError
from vm.isa.opcodes import LD_IMM64
from vm.namedtuples import NamedTuple

INSN_SIZE: Final = 8
_FORMAT: Final = struct.Struct("<BBhi")


class Insn(NamedTuple):
    """One 8-byte slot, fields as in struct bpf_insn.

    A 64-bit immediate load takes two slots: the second has code 0 and the upper half in imm.
    Indices (insn_idx, jump offsets) count slots, as the kernel does. off and imm are signed.
    """

    code: int
    dst_reg: int = 0
    src_reg: int = 0
    off: int = 0
    imm: int = 0

    def encode(self) -> bytes:
        """The eight bytes, little-endian."""
        return _FORMAT.pack(self.code, self.dst_reg | self.src_reg << 4, self.off, self.imm)


def decode(data: bytes) -> tuple[Insn, ...]:
    """Instruction slots of `data`; InputError if its length is no multiple of eight."""
    if len(data) % INSN_SIZE:
        raise InputError(f"{len(data)} bytes are no whole number of 8-byte instructions.")
    return tuple(Insn(code, regs & 0xF, regs >> 4, off, imm) for code, regs, off, imm in _FORMAT.iter_unpack(data))


def encode(insns: Iterable[Insn]) -> bytes:
    """The inverse of `decode`."""
    return b"".join(insn.encode() for insn in insns)


def imm64(insns: tuple[Insn, ...], idx: int) -> int:
    """Unsigned 64-bit immediate of the load at slot `idx` (which must be LD_IMM64)."""
    assert insns[idx].code == LD_IMM64
    return (insns[idx].imm & 0xFFFFFFFF) | (insns[idx + 1].imm & 0xFFFFFFFF) << 32
