"""The members of a type as rows, one below the other: a whole struct for people to read.

A member that is a struct, a union or an array of them is unfolded where it has no name, or where it holds bytes that
are of interest; else it is one row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from vm.btf.cdump import type_text
from vm.btf.format import format_bits, format_value, quoted
from vm.btf.types import COMPOSITES, Btf, Kind, Member
from vm.errors import InputError

MAX_ROWS: Final = 1200
"""Of one type."""
MAX_DEPTH: Final = 12
MAX_TYPE: Final = 100
"""Characters of a type's text."""
MAX_VALUE: Final = 200
"""Characters of a value."""
_VALUE_NODES: Final = 64
_HEX_BYTES: Final = 32
_MOST_BYTES: Final = 4096

Span = tuple[int, int]
"""Offset and number of bytes."""


class Row(NamedTuple):
    """A member. depth -- of unfolding; offset -- in the outermost type, bytes; bits -- of a bit-field, else 0

    member  -- of a bit-field, to find its value
    holds   -- whether its own value is not shown, because the rows below are its members
    """

    depth: int
    name: str
    type: str
    offset: int
    size: int
    type_id: int = 0
    bits: int = 0
    member: Member | None = None
    holds: bool = False


def rows(btf: Btf, type_id: int, touched: Sequence[Span]) -> list[Row]:
    """The members of a struct, union or section, in order; of anything else itself, as one row.

    touched -- bytes that are of interest
    At most MAX_ROWS; less where the type is damaged.
    """
    made = _Rows(btf, touched)
    with contextlib.suppress(InputError):
        made.unfold(type_id, 0, 0)
        if not made.found:
            made.row("", type_id, 0, 0)
    return made.found


class _Rows:
    """Rows as they are found."""

    def __init__(self, btf: Btf, touched: Sequence[Span]) -> None:
        self.btf, self.touched = btf, touched
        self.found: list[Row] = []

    def unfold(self, type_id: int, start: int, depth: int) -> None:
        """Add the rows of what a type holds; none of a number or pointer."""
        if depth > MAX_DEPTH:
            return
        found = self.btf.skip_modifiers(type_id)
        if found.kind in COMPOSITES:
            for member in found.members:
                self._member(member, start, depth)
        elif found.kind is Kind.DATASEC:
            for variable in found.variables:
                held = self.btf.type(variable.type_id)
                self.row(held.name, held.type_id, start + variable.offset, depth)
        elif found.kind is Kind.ARRAY and self.btf.skip_modifiers(found.type_id).kind in COMPOSITES:
            width = self.btf.size_of(found.type_id)
            for number in self._elements(start, width, found.nelems):
                self.row(f"[{number}]", found.type_id, start + number * width, depth)

    def _elements(self, start: int, width: int, count: int) -> list[int]:
        """Numbers of an array's elements that hold bytes of interest."""
        if not width:
            return []
        found: set[int] = set()
        for at, size in self.touched:
            first, last = (at - start) // width, (at + size - 1 - start) // width
            found.update(range(max(0, first), min(count, last + 1, first + MAX_ROWS)))
        return sorted(found)

    def _member(self, member: Member, start: int, depth: int) -> None:
        offset = start + member.bit_off // 8
        if not member.bits:
            self.row(member.name, member.type_id, offset, depth)
        elif len(self.found) < MAX_ROWS:
            size = (member.bit_off % 8 + member.bits + 7) // 8
            text = _type(self.btf, member.type_id)
            self.found.append(Row(depth, member.name, text, offset, size, member.type_id, member.bits, member))

    def row(self, name: str, type_id: int, offset: int, depth: int) -> None:
        """Add a member, and what it holds."""
        if len(self.found) >= MAX_ROWS:
            return
        size, at = self.btf.size_of(type_id), len(self.found)
        self.found.append(Row(depth, name, _type(self.btf, type_id), offset, size, type_id))
        if self._opens(name, type_id, offset, size):
            self.unfold(type_id, offset, depth + 1)
            if len(self.found) > at + 1:
                self.found[at] = self.found[at]._replace(holds=True)

    def _opens(self, name: str, type_id: int, offset: int, size: int) -> bool:
        if name:
            return any(start < offset + size and offset < start + length for start, length in self.touched)
        return self.btf.skip_modifiers(type_id).kind in COMPOSITES


def _type(btf: Btf, type_id: int) -> str:
    """The type as C spells it; what a struct without a name holds is left out."""
    text = type_text(btf, type_id)
    if "{" in text:
        head, _, rest = text.partition("{")
        text = f"{head}{{…}}{rest.rpartition('}')[2]}"
    return text if len(text) <= MAX_TYPE else f"{text[:MAX_TYPE]}…"


def value_text(btf: Btf, row: Row, known: Mapping[int, int]) -> str:
    """The value of a row's bytes, as far as they are known: bytes by their offset. "" if none of them is.

    What is known in part is in hex, with ·· for bytes that are not.
    """
    data = [known.get(row.offset + n) for n in range(min(row.size, _MOST_BYTES))]
    if all(byte is None for byte in data):
        return ""
    if row.size > _MOST_BYTES or any(byte is None for byte in data):
        shown = " ".join("··" if byte is None else f"{byte:02x}" for byte in data[:_HEX_BYTES])
        return shown + (" …" if len(data) > _HEX_BYTES else "")
    whole = bytes(byte for byte in data if byte is not None)
    try:
        if row.member is not None:
            text = format_bits(btf, row.member, whole)
        else:
            text = _plain(btf, row.type_id, whole)
    except InputError:
        text = whole.hex(" ")
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _plain(btf: Btf, type_id: int, data: bytes) -> str:
    """A value of a type, 0: not known; bytes that can be read are text."""
    if not type_id:
        return f"{int.from_bytes(data, 'little'):#x}"
    held = btf.skip_modifiers(type_id)
    if held.kind is Kind.ARRAY and data[0] and btf.size_of(held.type_id) == 1:
        text = quoted(data)
        if text is not None:
            return text
    return format_value(btf, type_id, data, _VALUE_NODES)
