"""Bytes as C-like text by their type: contents of maps and memory for people to read."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final

from vm.btf.cdump import is_signed
from vm.btf.types import COMPOSITES, INT_BOOL, INT_CHAR, Btf, Kind, Member, Type

MAX_NODES: Final = 2000
MAX_NAME: Final = 512  # KSYM_NAME_LEN: the longest name the kernel takes
MAX_RECORD_NODES: Final = 64
MAX_STRINGS: Final = 8
# Printable characters with the NUL that ends them.
_STRINGS: Final = re.compile(rb"[ !#-\[\]-~]{3,128}(?=\0)")
_MAX_DEPTH: Final = 32
_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})


def format_value(btf: Btf, type_id: int, data: bytes, max_nodes: int = MAX_NODES) -> str:
    """A value as a C initializer: `{.pid = 7, .comm = "sh", .addr = {1, 2, 3, 4}}`.

    Little-endian, as BPF on x86-64 keeps it. What `data` does not reach is shown as "?"; after
    `max_nodes` numbers the rest is "…". Arrays of char that hold text and then zeros are quoted.
    """
    return _Formatter(btf, data, max_nodes).value(type_id, 0, 0)


def format_bits(btf: Btf, member: Member, data: bytes) -> str:
    """The value of a bit-field. data -- from the byte on in which it begins"""
    return _Formatter(btf, data, 1).bits(member, -(member.bit_off // 8))


def quoted(raw: bytes) -> str | None:
    """A quoted string if the bytes are printable and then only zeros."""
    text, _, rest = raw.partition(b"\0")
    if not raw or rest.strip(b"\0") or not all(32 <= c < 127 for c in text):
        return None
    return '"' + text.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'


class RecordText:
    """Records that a program put out, as text. Nothing says of what type a record is.

    A structure of the program's BTF with the record's size is taken for its type if it is the only one that is not
    the kernel's; else the strings in the record are shown.
    """

    def __init__(self, btf: Btf | None, is_kernel_type: Callable[[str], bool]) -> None:
        self._btf = btf
        self._by_size: dict[int, list[Type]] = {}
        for found in btf.of_kind(Kind.STRUCT) if btf is not None else ():
            if found.name and not is_kernel_type(found.name):
                self._by_size.setdefault(found.size, []).append(found)

    def type_of(self, size: int, spare: int = 0) -> Type | None:
        """The type that a record of so many bytes is taken for, of which up to `spare` at its end may be padding."""
        types = [found for each in range(max(1, size - spare), size + 1) for found in self._by_size.get(each, [])]
        return types[0] if len(types) == 1 else None

    def text(self, data: bytes, spare: int = 0) -> str:
        """A record as a C initializer, or its strings; "" where there is neither. spare -- as in type_of()"""
        found = self.type_of(len(data), spare)
        if self._btf is not None and found is not None:
            return f"struct {found.name} {format_value(self._btf, found.id, data, MAX_RECORD_NODES)}"
        texts = _STRINGS.findall(data)[:MAX_STRINGS]
        return ", ".join(f'"{text.decode()}"' for text in texts)


class _Formatter:
    def __init__(self, btf: Btf, data: bytes, budget: int) -> None:
        self.btf, self.data, self.budget = btf, data, budget

    def value(self, type_id: int, offset: int, depth: int) -> str:
        """The value at a byte offset."""
        self.budget -= 1
        if self.budget < 0 or depth > _MAX_DEPTH:
            return "…"
        found = self.btf.skip_modifiers(type_id)
        if found.kind is Kind.VAR:
            found = self.btf.skip_modifiers(found.type_id)
        kind = found.kind
        if kind in COMPOSITES:
            return self._struct(found, offset, depth)
        if kind is Kind.ARRAY:
            return self._array(found, offset, depth)
        if kind is Kind.DATASEC:
            parts = []
            for info in found.variables:
                name = self.btf.type(info.type_id).name[:MAX_NAME]
                parts.append(f".{name} = {self.value(info.type_id, info.offset, depth + 1)}")
            return self._braced(parts)
        size = 8 if kind is Kind.PTR else found.size
        raw = self.data[offset : offset + size]
        return self._scalar(found, raw) if size and len(raw) == size else "?"

    def _braced(self, parts: list[str]) -> str:
        return "{" + ", ".join(parts) + "}"

    def _struct(self, found: Type, offset: int, depth: int) -> str:
        parts = []
        for member in found.members:
            if self.budget < 0:
                parts.append("…")
                break
            if member.bits:
                text = self.bits(member, offset)
            else:
                text = self.value(member.type_id, offset + member.bit_off // 8, depth + 1)
            parts.append(f".{member.name[:MAX_NAME]} = {text}" if member.name else text)
        return self._braced(parts)

    def bits(self, member: Member, offset: int) -> str:
        """A bit-field of a struct at a byte offset."""
        self.budget -= 1
        start = offset + member.bit_off // 8
        shift = member.bit_off % 8
        raw = self.data[start : start + (shift + member.bits + 7) // 8]
        if len(raw) * 8 < shift + member.bits:
            return "?"
        number = int.from_bytes(raw, "little") >> shift & (1 << member.bits) - 1
        found = self.btf.skip_modifiers(member.type_id)
        if is_signed(found) and number >> member.bits - 1:
            number -= 1 << member.bits
        return self._number(found, number)

    def _array(self, found: Type, offset: int, depth: int) -> str:
        element = self.btf.skip_modifiers(found.type_id)
        size = self.btf.size_of(element.id)
        if element.kind is Kind.INT and size == 1 and (element.encoding & INT_CHAR or element.name == "char"):
            text = quoted(self.data[offset : offset + found.nelems])
            if text is not None:
                return text
        parts: list[str] = []
        for index in range(found.nelems):
            if self.budget < 0 or (size == 0 and index):
                parts.append("…")
                break
            parts.append(self.value(element.id, offset + index * size, depth + 1))
        return self._braced(parts)

    def _scalar(self, found: Type, raw: bytes) -> str:
        if found.kind is Kind.FLOAT and len(raw) in (4, 8):
            return repr(struct.unpack("<f" if len(raw) == 4 else "<d", raw)[0])
        if found.kind is Kind.PTR:
            number = int.from_bytes(raw, "little")
            return f"0x{number:x}" if number else "NULL"
        return self._number(found, int.from_bytes(raw, "little", signed=is_signed(found)))

    def _number(self, found: Type, number: int) -> str:
        if found.kind in _ENUMS:
            return next((e.name[:MAX_NAME] for e in found.enumerators if e.value == number), str(number))
        if found.kind is Kind.INT and found.encoding & INT_BOOL and number in (0, 1):
            return "true" if number else "false"
        return str(number)
