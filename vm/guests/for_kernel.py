"""An object's BTF as libbpf loads it: externs become variables, and unsupported kinds are replaced.

The rules are those of bpf_object__collect_externs() and bpf_object__sanitize_btf() in libbpf 1.5.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

INT, STRUCT, UNION, ENUM, CONST, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = (
    1, 4, 5, 6, 10, 12, 13, 14, 15, 16, 17, 18, 19,
)  # fmt: skip
_ARRAY: Final = 3
_GLOBAL: Final = 1
# Bytes that follow a record's common part: (fixed, for each of vlen).
_TRAILERS: Final = {
    INT: (4, 0), _ARRAY: (12, 0), STRUCT: (0, 12), UNION: (0, 12), ENUM: (0, 8), FUNC_PROTO: (0, 8), VAR: (4, 0),
    DATASEC: (0, 12), DECL_TAG: (4, 0), ENUM64: (0, 12),
}  # fmt: skip
_HEADER: Final = struct.Struct("<HBBIIIII")


class Record(NamedTuple):
    """The record of a type: its offset, and the fields of its info word."""

    at: int
    kind: int
    vlen: int


class Draft:
    """The types and strings of a valid BTF, which can be changed."""

    def __init__(self, data: bytes) -> None:
        self._head = _HEADER.unpack_from(data)
        _magic, _version, _flags, hdr_len, type_off, type_len, str_off, str_len = self._head
        self.types = bytearray(data[hdr_len + type_off : hdr_len + type_off + type_len])
        self.strings = bytearray(data[hdr_len + str_off : hdr_len + str_off + str_len])
        self.records: list[Record] = []
        self._read(0)

    def _read(self, at: int) -> None:
        while at < len(self.types):
            info = self.word(at + 4)
            kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
            self.records.append(Record(at, kind, vlen))
            fixed, each = _TRAILERS.get(kind, (0, 0))
            at += 12 + fixed + each * vlen

    def word(self, at: int) -> int:
        """32 bits of the type section."""
        return int.from_bytes(self.types[at : at + 4], "little")

    def put(self, at: int, *words: int) -> None:
        """Write 32-bit words into the type section."""
        struct.pack_into(f"<{len(words)}I", self.types, at, *words)

    def name(self, record: Record) -> bytes:
        """A type's name."""
        start = self.word(record.at)
        return bytes(self.strings[start : self.strings.index(0, start)])

    def text(self, text: bytes) -> int:
        """Add a string; its offset."""
        self.strings += text + b"\0"
        return len(self.strings) - len(text) - 1

    def add(self, *words: int) -> int:
        """Add a type of these words; its id."""
        at = len(self.types)
        self.types += struct.pack(f"<{len(words)}I", *words)
        self._read(at)
        return len(self.records)

    def data(self) -> bytes:
        """The BTF."""
        magic, version, flags = self._head[:3]
        head = _HEADER.pack(magic, version, flags, 24, 0, len(self.types), len(self.types), len(self.strings))
        return head + self.types + self.strings


def for_kernel(data: bytes, features: frozenset[str]) -> bytes:
    """The bytes for BPF_BTF_LOAD. features -- those of vm.guests.features that the kernel has."""
    draft = Draft(data)
    _ground(draft)
    _sanitize(draft, features)
    return draft.data()


def _ground(draft: Draft) -> None:
    """Extern symbols of .ksyms become integers, extern functions global ones."""
    section = next((r for r in draft.records if r.kind == DATASEC and draft.name(r) == b".ksyms"), None)
    if section is None:
        return
    number = next(
        (i for i, r in enumerate(draft.records, 1) if r.kind == INT and draft.word(r.at + 12) & 0xFF == 32), 0
    )
    places = [section.at + 12 + 12 * index for index in range(section.vlen)]
    members = [draft.records[draft.word(place) - 1] for place in places]
    dummy = name = 0
    if any(member.kind == FUNC for member in members):
        name = draft.text(b"dummy_ksym")
        dummy = draft.add(name, VAR << 24, number, _GLOBAL)
    for index, (place, member) in enumerate(zip(places, members, strict=True)):
        if member.kind == FUNC:
            proto = draft.records[draft.word(member.at + 8) - 1]
            for param in range(proto.vlen):
                at = proto.at + 12 + 8 * param
                if draft.word(at + 4) and not draft.word(at):
                    draft.put(at, name)
            draft.put(place, dummy)
            draft.put(member.at + 4, FUNC << 24 | _GLOBAL)
        else:
            draft.put(member.at + 8, number, _GLOBAL)
        draft.put(place + 4, 4 * index, 4)
    draft.put(section.at + 8, 4 * section.vlen)


def _sanitize(draft: Draft, features: frozenset[str]) -> None:
    placeholder = 0
    for record in tuple(draft.records):
        kind, at, vlen = record.kind, record.at, record.vlen
        if kind == DECL_TAG and "decl_tag" not in features:
            draft.put(at + 4, INT << 24, 1, 8)
        elif kind == DATASEC and "qmark_datasec" not in features and draft.name(record)[:1] == b"?":
            draft.strings[draft.word(at)] = ord("_")
        elif kind == FLOAT and "float" not in features:
            draft.put(at, 0, STRUCT << 24)
        elif kind == TYPE_TAG and "type_tag" not in features:
            draft.put(at, 0, CONST << 24)
        elif kind == ENUM and "enum64" not in features:
            draft.put(at + 4, ENUM << 24 | vlen)
        elif kind == ENUM64 and "enum64" not in features:
            placeholder = placeholder or draft.add(draft.text(b"enum64_placeholder"), INT << 24, 1, 8)
            draft.put(at + 4, UNION << 24 | vlen)
            for member in range(vlen):
                draft.put(at + 16 + 12 * member, placeholder, 0)
