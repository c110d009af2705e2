"""Choosing between short and near jumps, pass by pass, exactly as the kernel settles on them.

bpf_int_jit_compile() starts from 64 bytes an instruction and translates again until the size stands still. Within a
pass the address table is half old and half new: a jump forwards sees the last pass's addresses, one backwards this
one's. Which jumps end up near depends on that, and is repeated here. After fifteen passes code may no longer shrink:
no-ops fill it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.errors import NotEmulated
from vm.jit import encode as x86
from vm.jit.piece import EXIT, FALL, Piece

MAX_PASSES: Final = 20
PADDING_PASSES: Final = MAX_PASSES - 5
FIRST_GUESS: Final = 64
# A short jump reaches 127 bytes forwards; the kernel stops at 123 so that the passes converge (is_imm8_jmp_offset).
SHORT_MIN, SHORT_MAX = -128, 123


class Laid(NamedTuple):
    """code, and for each slot the offset behind it, with the prologue's end first (the kernel's addrs[])."""

    code: bytes
    addrs: list[int]


class _Layout:
    """State that is kept between passes."""

    def __init__(self, pieces: Sequence[Piece], prologue: bytes, epilogue: bytes) -> None:
        self.pieces = pieces
        self.prologue = prologue
        self.epilogue = epilogue
        slots = sum(piece.slots for piece in pieces)
        self.addrs = [FIRST_GUESS * (i + 1) for i in range(slots + 1)]
        self.cleanup = self.addrs[-1]
        self.chunks: list[bytes] = []

    def run(self, padding: bool) -> int:
        """One pass; returns the size and leaves the code in `chunks`."""
        addrs, chunks = self.addrs, [self.prologue]
        length = len(self.prologue)
        addrs[0] = length
        idx = 0
        seen_exit = False
        for piece in self.pieces:
            idx += piece.slots
            code = piece.code
            if piece.flow != FALL:
                if piece.flow == EXIT and not seen_exit:
                    seen_exit = True
                    self.cleanup = length
                    code += self.epilogue
                else:
                    code += self._jump(piece, idx, len(code), padding)
            chunks.append(code)
            length += len(code)
            addrs[idx] = length
        self.chunks = chunks
        return length

    def _jump(self, piece: Piece, idx: int, before: int, padding: bool) -> bytes:
        addrs = self.addrs
        if piece.flow == EXIT:
            distance = self.cleanup - addrs[idx]
        elif piece.cond is None and piece.target == idx - 1:
            distance = -2
        else:
            distance = addrs[piece.target] - addrs[idx]
        room = addrs[idx] - addrs[idx - piece.slots] - before if padding else 0
        if not distance and piece.cond is None and piece.flow != EXIT:
            return self._pad(room, (0, 2, 5)) if padding else b""
        if SHORT_MIN <= distance <= SHORT_MAX:
            fill = self._pad(room - 2, (0, 3) if piece.cond is None else (0, 4)) if padding else b""
            return fill + x86.jump_short(piece.cond, distance)
        return x86.jump_near(piece.cond, distance)

    @staticmethod
    def _pad(length: int, allowed: tuple[int, ...]) -> bytes:
        if length not in allowed:
            raise NotEmulated("a program whose jumps the kernel's JIT cannot pad", kind="machine code")
        return x86.nops(length)


def relax(pieces: Sequence[Piece], prologue: bytes, epilogue: bytes) -> Laid:
    """Lay out one function; NotEmulated where the kernel's JIT would give up too (it falls back to nothing)."""
    layout = _Layout(pieces, prologue, epilogue)
    size = 0
    for number in range(MAX_PASSES):
        before, size = size, layout.run(number >= PADDING_PASSES)
        if size == before:
            break
    else:
        raise NotEmulated("a program whose machine code does not settle in 20 passes", kind="machine code")
    if layout.run(number + 1 >= PADDING_PASSES) != size:
        raise NotEmulated("a program whose machine code does not settle", kind="machine code")
    return Laid(b"".join(layout.chunks), layout.addrs)
