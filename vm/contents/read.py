"""Sections, symbols and relocations of an object file, as pyelftools reads them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_BPF
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from vm.btf.check import from_untrusted
from vm.contents.model import Contents, LeftOut, RelocRow, SectionRow, SymbolRow, TypeRow
from vm.contents.sections import meaning
from vm.contents.types import type_rows
from vm.elf.reader import read_elf
from vm.errors import InputError

MAX_ROWS: Final = 2_000
"""Rows of each list."""
MAX_TYPES_TEXT: Final = 512 << 10
"""Characters of all types together."""
MAX_NAME: Final = 256
_INSN_BYTES: Final = 8
# The letters of readelf(1) for the flags that objects have: SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE,
# SHF_STRINGS, SHF_INFO_LINK, SHF_GROUP.
_FLAGS: Final = ((1, "W"), (2, "A"), (4, "X"), (0x10, "M"), (0x20, "S"), (0x40, "I"), (0x200, "G"))
_EXECUTABLE: Final = 4
_RELOCS: Final = {number: name for name, number in ENUM_RELOC_TYPE_BPF.items() if isinstance(number, int)}
_SPECIAL: Final = {"SHN_UNDEF": "UND", "SHN_ABS": "ABS", "SHN_COMMON": "COM"}

T = TypeVar("T")


def contents(data: bytes) -> Contents:
    """What an object file holds; InputError if it is damaged.

    The project's own reader, which the loader uses, decides first whether the file is damaged: pyelftools checks
    little of what it reads.
    """
    own = read_elf(data)
    try:
        elf = ELFFile(io.BytesIO(data))
        sections = list(elf.iter_sections())
        symbols, more_symbols = _limited(_symbols(sections))
        relocations, more_relocations = _limited(_relocations(sections))
        rows, more_sections = _limited(_sections(sections))
    except (ELFError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise InputError(f"The sections of the object file cannot be listed: {error}.") from None
    btf = own.section(".BTF")
    types: list[TypeRow] = []
    more_types = 0
    if btf is not None:
        room = MAX_TYPES_TEXT
        for row in type_rows(from_untrusted(btf.data)):
            room -= len(row.text)
            if room >= 0 and len(types) < MAX_ROWS:
                types.append(row)
            else:
                more_types += 1
    left_out = LeftOut(more_sections, more_symbols, more_relocations, more_types)
    return Contents(len(data), tuple(rows), tuple(symbols), tuple(relocations), tuple(types), left_out)


def _limited(rows: Iterable[T]) -> tuple[list[T], int]:
    found = iter(rows)
    return list(islice(found, MAX_ROWS)), sum(1 for _ in found)


def _sections(sections: list[Any]) -> Iterator[SectionRow]:
    for index, section in enumerate(sections[1:], 1):  # the first is the null section
        flags = "".join(letter for bit, letter in _FLAGS if section["sh_flags"] & bit)
        kind = _word(section["sh_type"], "SHT_")
        name = section.name[:MAX_NAME]
        yield SectionRow(index, name, kind, flags, section["sh_size"], meaning(name, kind, "X" in flags))


def _symbols(sections: list[Any]) -> Iterator[SymbolRow]:
    for table in sections:
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in islice(table.iter_symbols(), 1, None):  # the first is the null symbol
            kind = _word(symbol["st_info"]["type"], "STT_")
            section = _section_name(sections, symbol["st_shndx"])
            if kind == "SECTION" and section == "UND":  # of a section that was stripped
                continue
            name = symbol.name or (section if kind == "SECTION" else "")
            yield SymbolRow(
                name[:MAX_NAME], section, kind, _word(symbol["st_info"]["bind"], "STB_"), symbol["st_value"],
                symbol["st_size"],
            )  # fmt: skip


def _relocations(sections: list[Any]) -> Iterator[RelocRow]:
    for table in sections:
        if not isinstance(table, RelocationSection) or not table["sh_info"] < len(sections):
            continue
        target = sections[table["sh_info"]]
        symbols = sections[table["sh_link"]] if table["sh_link"] < len(sections) else None
        code = bool(target["sh_flags"] & _EXECUTABLE)
        for reloc in table.iter_relocations():
            number = reloc["r_info_sym"]
            name = ""
            if isinstance(symbols, SymbolTableSection) and number < symbols.num_symbols():
                symbol = symbols.get_symbol(number)
                name = symbol.name or _section_name(sections, symbol["st_shndx"])
            offset = reloc["r_offset"]
            kind = _RELOCS.get(reloc["r_info_type"], str(reloc["r_info_type"]))
            yield RelocRow(
                target.name[:MAX_NAME], offset, kind, name[:MAX_NAME], offset // _INSN_BYTES if code else None
            )


def _section_name(sections: list[Any], index: Any) -> str:
    if isinstance(index, int):
        return sections[index].name[:MAX_NAME] if index < len(sections) else str(index)
    return _SPECIAL.get(index, str(index))


def _word(value: Any, prefix: str) -> str:
    """pyelftools names the constants that it knows ("SHT_REL") and leaves others as numbers."""
    return value.removeprefix(prefix) if isinstance(value, str) else f"{value:#x}"
