"""The translation of one BPF instruction before jump lengths are known."""

from __future__ import annotations

from typing import NamedTuple

from vm.jit.encode import Cond, Reg

# What a piece does after its fixed bytes.
FALL, JUMP, EXIT = range(3)


class PieceReloc(NamedTuple):
    """`size` bytes at `offset` of the piece are the address the rewritten program's AddressRef of this slot names."""

    offset: int
    size: int
    pc_relative: bool


class Piece(NamedTuple):
    """Machine code of one BPF instruction.

    code   -- the bytes that never change
    slots  -- slots of the BPF program it covers (2 for a 64-bit immediate load)
    flow   -- FALL; JUMP: a jump follows, to slot `target` of the function, under `cond` (None: always);
              EXIT: the first of a function is followed by the epilogue, the others by a jump to it
    relocs -- what to fill in
    probe  -- (offset, length, register) of an access that may fault
    callee -- the function a bpf-to-bpf call goes to; its four bytes are the last of `code`
    """

    code: bytes
    slots: int = 1
    flow: int = FALL
    target: int = 0
    cond: Cond | None = None
    relocs: tuple[PieceReloc, ...] = ()
    probe: tuple[int, int, Reg | None] | None = None
    callee: int = -1
