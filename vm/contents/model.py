"""What an object file holds, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A section. type, flags -- as readelf names and abbreviates them; size -- bytes; meaning -- "" if not known."""

    index: int
    name: str
    type: str
    flags: str
    size: int
    meaning: str


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """A symbol. section -- name of its section, or UND, ABS, COM; value -- offset in it; size -- bytes."""

    name: str
    section: str
    type: str
    bind: str
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class RelocRow:
    """A place that the loader fills in. insn -- number of the instruction in the section, None outside of code."""

    section: str
    offset: int
    type: str
    symbol: str
    insn: int | None


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A type of the object's BTF. size -- bytes, None for a function; text -- its declaration in C."""

    name: str
    kind: str
    size: int | None
    text: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many rows each list lacks, because there are too many."""

    sections: int = 0
    symbols: int = 0
    relocations: int = 0
    types: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """An object file. bytes -- its size, 0 for a program that comes from no object file."""

    bytes: int = 0
    sections: tuple[SectionRow, ...] = ()
    symbols: tuple[SymbolRow, ...] = ()
    relocations: tuple[RelocRow, ...] = ()
    types: tuple[TypeRow, ...] = ()
    left_out: LeftOut = LeftOut()
