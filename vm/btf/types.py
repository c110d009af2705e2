"""BTF types: records, bounds-checked parsing, layout (Documentation/bpf/btf.rst).

A `Btf` parses types when they are asked for, so that the kernel's 140,000 cost nothing.
Untrusted data is checked whole first (from_untrusted() in check.py).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import accumulate
from typing import Any, Final

from vm.errors import InputError
from vm.namedtuples import NamedTuple

MAX_USER_BTF: Final = 1 << 20
MAX_USER_TYPES: Final = 1 << 16
MAX_DEPTH: Final = 32  # MAX_RESOLVE_DEPTH in kernel/bpf/btf.c
MAX_TYPE_SIZE: Final = 1 << 40

_MANY_SEARCHES: Final = 12  # from here on an index is worth its 80 ms
_STRING_SEARCHES: Final = 64  # from here on an index of the kernel's strings is worth its 60 ms and 18 MB
_HEADER: Final = struct.Struct("<HBBIIIII")
_MAGIC: Final = 0xEB9F
_COMMON: Final = struct.Struct("<III")


class Kind(IntEnum):
    """BTF_KIND_*."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


_KINDS: Final = tuple(Kind)
MODIFIERS: Final = frozenset({Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG})
COMPOSITES: Final = frozenset({Kind.STRUCT, Kind.UNION})
_SIZED: Final = frozenset({Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT, Kind.DATASEC})
_REFERS: Final = MODIFIERS | {Kind.PTR, Kind.FUNC, Kind.FUNC_PROTO, Kind.VAR, Kind.DECL_TAG}

# Bytes that follow struct btf_type: (fixed, for each of vlen).
_TRAILER: Final = {
    Kind.INT: (4, 0),
    Kind.ARRAY: (12, 0),
    Kind.STRUCT: (0, 12),
    Kind.UNION: (0, 12),
    Kind.ENUM: (0, 8),
    Kind.FUNC_PROTO: (0, 8),
    Kind.VAR: (4, 0),
    Kind.DATASEC: (0, 12),
    Kind.DECL_TAG: (4, 0),
    Kind.ENUM64: (0, 12),
}

INT_SIGNED: Final = 1
INT_CHAR: Final = 2
INT_BOOL: Final = 4

# Linkage of functions (BTF_FUNC_*) and variables (BTF_VAR_*).
STATIC: Final = 0
GLOBAL: Final = 1
EXTERN: Final = 2


class Member(NamedTuple):
    """A field of a struct or union: `bits` is its bit-field width or 0, `bit_off` in bits."""

    name: str
    type_id: int
    bit_off: int
    bits: int = 0


class Enumerator(NamedTuple):
    name: str
    value: int


class Param(NamedTuple):
    name: str
    type_id: int


class SecVar(NamedTuple):
    """A variable of a DATASEC."""

    type_id: int
    offset: int
    size: int


class Type(NamedTuple):
    """One BTF type. Only the fields its kind has are set.

    size      -- bytes (INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC)
    type_id   -- what it refers to (PTR, modifiers, FUNC, VAR, DECL_TAG); FUNC_PROTO: return type; ARRAY: element
    flag      -- kind_flag (bit-field layout, FWD of a union, signed enum)
    linkage   -- FUNC, VAR
    encoding, bits -- INT
    nelems, index_type -- ARRAY
    component -- DECL_TAG: member or parameter it is about, -1 the whole
    """

    id: int
    kind: Kind
    name: str = ""
    size: int = 0
    type_id: int = 0
    flag: bool = False
    members: tuple[Member, ...] = ()
    enumerators: tuple[Enumerator, ...] = ()
    params: tuple[Param, ...] = ()
    variables: tuple[SecVar, ...] = ()
    linkage: int = 0
    encoding: int = 0
    bits: int = 0
    int_off: int = 0
    nelems: int = 0
    index_type: int = 0
    component: int = -1


VOID: Final = Type(0, Kind.VOID, "void")


class Btf:
    """Types by id; id 0 is void.

    data     -- the .BTF section, header and all
    lengths  -- bytes of each type record in the type section, where known (a committed index), else they are walked
    """

    def __init__(self, data: bytes, lengths: bytes | None = None) -> None:
        try:
            magic, version, _flags, hdr_len, type_off, type_len, str_off, str_len = _HEADER.unpack_from(data)
        except struct.error:
            raise bad("the header is cut off") from None
        if magic != _MAGIC:
            raise bad("wrong magic number" if magic != 0x9FEB else "it is big-endian")
        if version != 1:
            raise bad(f"version {version} is unknown")
        if hdr_len < 24 or hdr_len + type_off + type_len > len(data) or hdr_len + str_off + str_len > len(data):
            raise bad("a section reaches past the end")
        self.data = data
        self._types_at = hdr_len + type_off
        self._types = data[hdr_len + type_off : hdr_len + type_off + type_len]
        self._strings = data[hdr_len + str_off : hdr_len + str_off + str_len]
        if not self._strings or self._strings[0] or self._strings[-1]:
            raise bad("the strings do not start and end with NUL")
        self._offsets: list[int]
        if lengths is None:
            self._offsets = self._walk()
        else:
            sizes = array("H")
            sizes.frombytes(lengths)
            self._offsets = list(accumulate(sizes, initial=0))
        self._cache: dict[int, Type] = {0: VOID}
        self._names: dict[str, tuple[int, ...]] = {}
        self._trusted, self._searches = lengths is not None, 0
        self.derived: dict[tuple[Any, ...], Any] = {}
        """What other modules worked out of these types, by a key of theirs: it lives as long as the types do."""
        self._index: tuple[dict[int, list[int]], dict[int, list[int]]] | None = None
        self._string_offsets: dict[str, list[int]] | None = None
        self._strings_at: dict[bytes, int] | None = None

    def _walk(self) -> list[int]:
        types, end = self._types, len(self._types)
        out, pos = [0], 0
        while pos < end:
            if pos + 12 > end:
                raise bad("the last type is cut off")
            info = int.from_bytes(types[pos + 4 : pos + 8], "little")
            kind = info >> 24 & 0x1F
            if not 1 <= kind <= Kind.ENUM64:
                raise bad(f"type {len(out)} is of the unknown kind {kind}")
            fixed, each = _TRAILER.get(_KINDS[kind], (0, 0))
            pos += 12 + fixed + each * (info & 0xFFFF)
            if pos > end:
                raise bad(f"type {len(out)} is cut off")
            out.append(pos)
        return out

    def __len__(self) -> int:
        """Number of types, void included."""
        return len(self._offsets)

    def string(self, off: int) -> str:
        """The string at an offset of the string section."""
        if not 0 <= off < len(self._strings):
            raise bad(f"string offset {off} is outside the strings")
        end = self._strings.index(b"\0", off)
        return self._strings[off:end].decode("utf-8", "replace")

    def string_offset(self, text: str) -> int:
        """Where a string is in the string section; 0, the empty string, if it is not there."""
        if not text:
            return 0
        at = self._strings.find(b"\0" + text.encode("utf-8", "replace") + b"\0")
        return at + 1 if at >= 0 else 0

    def type(self, type_id: int) -> Type:
        """The type of an id; InputError if there is none."""
        found = self._cache.get(type_id)
        if found is None:
            if not 0 < type_id < len(self._offsets):
                raise bad(f"there is no type {type_id}")
            found = self._cache[type_id] = self._parse(type_id)
        return found

    def raw(self, type_id: int) -> bytes:
        """The bytes of a type's record."""
        if not 0 < type_id < len(self._offsets):
            raise bad(f"there is no type {type_id}")
        return self._types[self._offsets[type_id - 1] : self._offsets[type_id]]

    def patched(self, records: Iterable[tuple[int, bytes]]) -> Btf:
        """A copy in which some types' records are replaced by others of the same length."""
        data = bytearray(self.data)
        for type_id, raw in records:
            at = self._types_at + self._offsets[type_id - 1]
            assert len(raw) == self._offsets[type_id] - self._offsets[type_id - 1]
            data[at : at + len(raw)] = raw
        return Btf(bytes(data))

    def __iter__(self) -> Iterator[Type]:
        """All types but void, by id."""
        for type_id in range(1, len(self._offsets)):
            yield self.type(type_id)

    def of_kind(self, *kinds: Kind) -> Iterator[Type]:
        """All types of some kinds, by id, without parsing the others."""
        wanted = {int(kind) for kind in kinds}
        for type_id in range(1, len(self._offsets)):
            if self._types[self._offsets[type_id - 1] + 7] & 0x1F in wanted:
                yield self.type(type_id)

    def _parse(self, type_id: int) -> Type:
        raw, pos = self._types, self._offsets[type_id - 1]
        name_off, info, word = _COMMON.unpack_from(raw, pos)
        kind = _KINDS[info >> 24 & 0x1F]
        vlen, flag = info & 0xFFFF, bool(info >> 31)
        name = self.string(name_off) if name_off else ""
        size = word if kind in _SIZED else 0
        ref = word if kind in _REFERS else 0
        base = Type(type_id, kind, name, size, ref, flag)
        if kind in MODIFIERS or kind in (Kind.PTR, Kind.FWD, Kind.FLOAT):
            return base
        at, end = pos + 12, self._offsets[type_id]
        if kind in COMPOSITES:
            return base._replace(members=self._members(raw[at:end], flag))
        if kind is Kind.INT:
            (enc,) = struct.unpack_from("<I", raw, at)
            return base._replace(encoding=enc >> 24 & 0xF, int_off=enc >> 16 & 0xFF, bits=enc & 0xFF)
        if kind is Kind.ARRAY:
            elem, index, nelems = _COMMON.unpack_from(raw, at)
            return base._replace(type_id=elem, index_type=index, nelems=nelems)
        if kind is Kind.ENUM:
            fmt = "<Ii" if flag else "<II"
            pairs = struct.iter_unpack(fmt, raw[at:end])
            return base._replace(enumerators=tuple(Enumerator(self.string(n), v) for n, v in pairs))
        if kind is Kind.ENUM64:
            values = (
                Enumerator(self.string(n), lo | hi << 32) for n, lo, hi in struct.iter_unpack("<III", raw[at:end])
            )
            if flag:
                values = (Enumerator(e.name, e.value - (e.value >> 63 << 64)) for e in values)
            return base._replace(enumerators=tuple(values))
        if kind is Kind.FUNC_PROTO:
            pairs = struct.iter_unpack("<II", raw[at:end])
            return base._replace(params=tuple(Param(self.string(n), t) for n, t in pairs))
        if kind is Kind.FUNC:
            return base._replace(linkage=vlen)
        if kind is Kind.VAR:
            return base._replace(linkage=struct.unpack_from("<I", raw, at)[0])
        if kind is Kind.DATASEC:
            return base._replace(variables=tuple(SecVar(*v) for v in struct.iter_unpack("<III", raw[at:end])))
        return base._replace(component=struct.unpack_from("<i", raw, at)[0])  # DECL_TAG

    def _members(self, raw: bytes, flag: bool) -> tuple[Member, ...]:
        if flag:
            return tuple(
                Member(self.string(n) if n else "", t, off & 0xFFFFFF, off >> 24)
                for n, t, off in struct.iter_unpack("<III", raw)
            )
        return tuple(Member(self.string(n) if n else "", t, off) for n, t, off in struct.iter_unpack("<III", raw))

    def ids_of(self, name: str) -> tuple[int, ...]:
        """Ids of all types of that name, ascending."""
        if self._trusted:
            self._searches += 1
            if self._index is None and self._searches < _MANY_SEARCHES:
                found = self._names.get(name)
                if found is None:
                    found = self._names[name] = self._search(name)
                return found
        index = self._index or self._make_index()
        ids: tuple[int, ...] = ()
        for off in self._offsets_of(name):
            ids += tuple(index[0].get(off, ()))
        return tuple(sorted(ids)) if len(ids) > 1 else ids

    def _make_index(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Types, and enums by their enumerators, by the offsets of their names."""
        words = memoryview(self._types).cast("I")
        types: dict[int, list[int]] = {}
        enums: dict[int, list[int]] = {}
        steps = {Kind.ENUM.value: 2, Kind.ENUM64.value: 3}
        for type_id, pos in enumerate(self._offsets[:-1], 1):
            at = pos >> 2
            if words[at]:
                types.setdefault(words[at], []).append(type_id)
            step = steps.get(words[at + 1] >> 24 & 0x1F)
            if step:
                for entry in range(at + 3, self._offsets[type_id] >> 2, step):
                    enums.setdefault(words[entry], []).append(type_id)
        self._index = types, enums
        return self._index

    def _offsets_of(self, text: str) -> list[int]:
        """Where a string is in the strings: once in the kernel's, anywhere and as often as they like in a user's."""
        if not text:
            return []
        needle = text.encode("utf-8", "surrogateescape") + b"\0"
        if self._trusted:
            if self._searches >= _STRING_SEARCHES:
                at = self._trusted_offsets().get(needle[:-1], 0)
                return [at] if at else []
            at = self._strings.find(b"\0" + needle)
            return [at + 1] if at >= 0 else []
        if self._string_offsets is None:
            self._string_offsets = {}
            assert self._index is not None
            for off in {*self._index[0], *self._index[1]}:
                if off < len(self._strings):
                    self._string_offsets.setdefault(self.string(off), []).append(off)
        return self._string_offsets.get(text, [])

    def _trusted_offsets(self) -> dict[bytes, int]:
        """Where each string of the kernel's BTF is: searching the bytes costs a millisecond a name."""
        if self._strings_at is None:
            names = self._strings.split(b"\0")[:-1]
            self._strings_at = dict(zip(names, accumulate((len(n) + 1 for n in names), initial=0), strict=False))
        return self._strings_at

    def _search(self, name: str) -> tuple[int, ...]:
        """Ids by searching the bytes, which beats making an index for a few names."""
        out = []
        for at in self._offsets_of(name):
            key, pos = at.to_bytes(4, "little"), -1
            while (pos := self._types.find(key, pos + 1)) >= 0:
                if pos % 4 == 0:
                    index = bisect_left(self._offsets, pos)
                    if index < len(self._offsets) - 1 and self._offsets[index] == pos:
                        out.append(index + 1)
        return tuple(out)

    def enums_with(self, name: str) -> tuple[int, ...]:
        """Ids of enums that have an enumerator of that name."""
        index = self._index or self._make_index()
        return tuple(dict.fromkeys(i for off in self._offsets_of(name) for i in index[1].get(off, ())))

    def ids_with_prefix(self, prefix: str) -> tuple[int, ...]:
        """Ids of all types whose name starts so."""
        names, at, needle = set(), -1, b"\0" + prefix.encode()
        while (at := self._strings.find(needle, at + 1)) >= 0:
            names.add(self.string(at + 1))
        return tuple(i for name in names for i in self.ids_of(name))

    def find(self, name: str, *kinds: Kind) -> Type | None:
        """The first type of that name (and of one of the kinds, if any are given)."""
        for type_id in self.ids_of(name):
            found = self.type(type_id)
            if not kinds or found.kind in kinds:
                return found
        return None

    def struct(self, name: str) -> Type:
        """The struct or union of that name; KeyError if there is none."""
        found = self.find(name, Kind.STRUCT, Kind.UNION)
        if found is None:
            raise KeyError(name)
        return found

    def skip_modifiers(self, type_id: int) -> Type:
        """The type behind typedefs, const, volatile, restrict and type tags."""
        found = self.type(type_id)
        for _ in range(4 * MAX_DEPTH):
            if found.kind not in MODIFIERS:
                return found
            found = self.type(found.type_id)
        raise bad(f"type {type_id} goes through too many typedefs")

    def size_of(self, type_id: int) -> int:
        """Bytes of a value of that type (0 for void, functions and forward declarations)."""
        factor, found = 1, self.type(type_id)
        for _ in range(4 * MAX_DEPTH):
            kind = found.kind
            if kind in MODIFIERS or kind is Kind.VAR:
                found = self.type(found.type_id)
            elif kind is Kind.ARRAY:
                factor *= found.nelems
                if factor > MAX_TYPE_SIZE:
                    raise bad(f"array type {type_id} is too large")
                found = self.type(found.type_id)
            else:
                size = 8 if kind is Kind.PTR else found.size
                if factor * size > MAX_TYPE_SIZE:
                    raise bad(f"type {type_id} is too large")
                return factor * size
        raise bad(f"type {type_id} is nested too deeply")

    def align_of(self, type_id: int) -> int:
        """Alignment of a type as libbpf's btf__align_of() tells it (packed structs: 1)."""
        return self._align(type_id, 0)

    def _align(self, type_id: int, depth: int) -> int:
        if depth > 4 * MAX_DEPTH:
            raise bad(f"type {type_id} is nested too deeply")
        found = self.type(type_id)
        kind = found.kind
        if kind is Kind.PTR:
            return 8
        if kind in MODIFIERS or kind in (Kind.ARRAY, Kind.VAR):
            return self._align(found.type_id, depth + 1)
        if kind in COMPOSITES:
            biggest = 1
            for member in found.members:
                align = self._align(member.type_id, depth + 1)
                biggest = max(biggest, align)
                if not member.bits and member.bit_off % (8 * align):
                    return 1
            return biggest if found.size % biggest == 0 else 1
        return max(1, min(found.size, 8))

    def field(self, struct_name: str, path: str) -> Field:
        """A field by name path ("sk.sk_family"), through anonymous members; KeyError if it is not there."""
        try:
            return self.field_of(self.struct(struct_name).id, path)
        except KeyError:
            raise KeyError(f"{struct_name}.{path}") from None

    def field_of(self, type_id: int, path: str) -> Field:
        """A field of a struct or union, as field() finds it; KeyError if it is not there."""
        bit_off, member = 0, Member("", type_id, 0)
        for part in path.split("."):
            found = self._member(self.skip_modifiers(member.type_id), part, 0)
            if found is None:
                raise KeyError(path)
            member = found
            bit_off += member.bit_off
        return Field(bit_off // 8, self.size_of(member.type_id), member.type_id, bit_off % 8, member.bits)

    def _member(self, owner: Type, name: str, depth: int) -> Member | None:
        for member in owner.members:
            if member.name == name:
                return member
        for member in owner.members:
            if not member.name and depth < MAX_DEPTH:
                inner = self._member(self.skip_modifiers(member.type_id), name, depth + 1)
                if inner is not None:
                    return inner._replace(bit_off=inner.bit_off + member.bit_off)
        return None

    def offset_of(self, struct_name: str, path: str) -> int:
        """Byte offset of a field, as offsetof()."""
        return self.field(struct_name, path).offset


class Field(NamedTuple):
    """Where a field is: bytes, and for bit-fields the bit within and the width."""

    offset: int
    size: int
    type_id: int
    bit: int = 0
    bits: int = 0


def bad(what: str) -> InputError:
    return InputError(f"The BTF cannot be used: {what}.")
