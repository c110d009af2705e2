"""Memory that an event's machine code accessed, computed from its registers; it is read after the event."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import unpack_from
from typing import Final

from vm.recorded.operands import CALL, Decoder
from vm.recorded.values import RETURNED, SNAPSHOT

MOST_PIECES: Final = 64
MOST_BYTES: Final = 8 << 10
_KERNEL: Final = 1 << 63
_ARGUMENTS: Final = (7, 6, 2, 1, 8)  # rdi rsi rdx rcx r8
_LONGEST: Final = 512
"""Bytes of what an argument points to, where the next argument may be its size."""
_UNKNOWN: Final = 64
"""Bytes of what an argument points to, where its size is not told."""
_NEAR: Final = 16


def touched(code: Decoder, offsets: array[int], registers: bytes, stack: range) -> list[tuple[int, int]]:
    """(address, bytes) in kernel memory, without the stack, that an event accessed or passed to a call, by address.

    At most MOST_PIECES ranges with MOST_BYTES bytes in total, those that were accessed first.
    """
    found: dict[int, int] = {}
    for address, size in _each(code, offsets, registers):
        if address >= _KERNEL and not (stack.start <= address < stack.stop) and size:
            found[address] = max(found.get(address, 0), size)
            if len(found) >= 4 * MOST_PIECES:
                break
    return _merged(sorted(found.items()))


def _each(code: Decoder, offsets: array[int], registers: bytes) -> Iterator[tuple[int, int]]:
    for at, offset in enumerate(offsets):
        operand = code.at(offset) if offset != RETURNED else None
        if operand is None:
            continue
        regs = unpack_from("<16Q", registers, SNAPSHOT * at)
        if operand.kind != CALL:
            yield operand.address(regs), operand.size
            continue
        for n, register in enumerate(_ARGUMENTS):
            after = regs[_ARGUMENTS[n + 1]] if n + 1 < len(_ARGUMENTS) else 0
            yield regs[register], after if 0 < after <= _LONGEST else _UNKNOWN


def _merged(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for address, size in pieces:
        if joined and address <= sum(joined[-1]) + _NEAR:
            start, length = joined[-1]
            joined[-1] = start, max(length, address + size - start)
        else:
            joined.append((address, size))
    left, kept = MOST_BYTES, []
    for address, size in joined[:MOST_PIECES]:
        if size <= left:
            kept.append((address, size))
            left -= size
    return kept
