"""A part of a BTF: some types with all that a value of them holds, in a BTF of its own."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vm.btf.types import MODIFIERS, Btf, Kind, Type

_HEADER: Final = struct.Struct("<HBBIIIII")
_MAGIC: Final = 0xEB9F
_FWD_UNION: Final = 1 << 31
_COMPOSITES: Final = (Kind.STRUCT, Kind.UNION)
_SIZED: Final = frozenset(
    {Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT, Kind.FWD, Kind.ARRAY, Kind.DATASEC}
)
"""Kinds of which the third word is no reference."""


class _Trailing(NamedTuple):
    """What follows a record's first three words: bytes of each element, and which of its words are names and types."""

    stride: int
    names: tuple[int, ...] = ()
    types: tuple[int, ...] = ()


_TRAILING: Final = {
    Kind.STRUCT: _Trailing(12, (0,), (4,)), Kind.UNION: _Trailing(12, (0,), (4,)), Kind.ENUM: _Trailing(8, (0,)),
    Kind.ENUM64: _Trailing(12, (0,)), Kind.FUNC_PROTO: _Trailing(8, (0,), (4,)), Kind.ARRAY: _Trailing(12, (), (0, 4)),
}  # fmt: skip


def part(btf: Btf, roots: Sequence[int]) -> bytes:
    """A BTF with these types, and those that they hold or refer to.

    A pointer to a struct or union that is not among the roots points to a forward declaration of it. Types are numbered
    by their first use, so that BTFs in which the roots have the same layout give the same bytes.
    """
    return _Part(btf, roots).encoded()


class _Part:
    def __init__(self, btf: Btf, roots: Sequence[int]) -> None:
        self._btf = btf
        self._whole = frozenset(roots)
        self._numbers: dict[object, int] = {}
        self._todo: list[tuple[Type, bool]] = []
        self._strings = bytearray(1)
        self._string_at: dict[str, int] = {"": 0}
        self._roots = roots

    def encoded(self) -> bytes:
        for root in self._roots:
            self._number(root, False)
        records = bytearray()
        done = 0
        while done < len(self._todo):
            records += self._record(*self._todo[done])
            done += 1
        lengths = len(records), len(self._strings)
        head = _HEADER.pack(_MAGIC, 1, 0, _HEADER.size, 0, lengths[0], lengths[0], lengths[1])
        return head + bytes(records) + bytes(self._strings)

    def _number(self, type_id: int, pointed: bool) -> int:
        """The new number of a type; pointed -- whether what refers to it is a pointer, or part of one's type."""
        if not type_id:
            return 0
        found = self._btf.type(type_id)
        declared = pointed and found.kind in _COMPOSITES and found.id not in self._whole and bool(found.name)
        key: object = type_id
        if declared:
            found = Type(0, Kind.FWD, found.name, flag=found.kind is Kind.UNION)
            key = found
        elif pointed and found.kind in MODIFIERS:
            key = type_id, True
        elif found.kind not in MODIFIERS:
            pointed = False
        if key not in self._numbers:
            self._todo.append((found, pointed))
            self._numbers[key] = len(self._todo)
        return self._numbers[key]

    def _string(self, text: str) -> int:
        if text not in self._string_at:
            self._string_at[text] = len(self._strings)
            self._strings += text.encode("utf-8", "replace") + b"\0"
        return self._string_at[text]

    def _record(self, found: Type, pointed: bool) -> bytes:
        if not found.id:
            return struct.pack("<III", self._string(found.name), Kind.FWD << 24 | (_FWD_UNION if found.flag else 0), 0)
        raw = bytearray(self._btf.raw(found.id))
        _put(raw, [0], [self._string(found.name)])
        pointed = pointed or found.kind is Kind.PTR
        if found.kind not in _SIZED:
            _put(raw, [8], [self._number(found.type_id, pointed)])
        trailing = _TRAILING.get(found.kind)
        if trailing is not None:
            for at in range(12, len(raw), trailing.stride):
                names = [at + n for n in trailing.names]
                _put(raw, names, [self._string(self._btf.string(_word(raw, n))) for n in names])
                types = [at + n for n in trailing.types]
                _put(raw, types, [self._number(_word(raw, n), False) for n in types])
        return bytes(raw)


def _word(raw: bytearray, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def _put(raw: bytearray, places: Iterable[int], words: Iterable[int]) -> None:
    for at, word in zip(places, words, strict=True):
        raw[at : at + 4] = word.to_bytes(4, "little")
