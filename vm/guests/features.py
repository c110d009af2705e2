"""What a kernel takes of BTF, found as libbpf finds it: by loading small ones (kernel_supports(), features.c)."""

from __future__ import annotations

import struct
from typing import Final

from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.wire import Request

_INT, _STRUCT, _UNION, _CONST, _ENUM, _VAR, _DATASEC, _FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = (
    1, 4, 5, 10, 6, 14, 15, 16, 17, 18, 19,
)  # fmt: skip
_STRINGS: Final = b"\0x\0?.data\0"
_NAME_X: Final = 1
_NAME_QMARK: Final = 3


def _type(kind: int, name: int = 0, vlen: int = 0, word: int = 0, *rest: int) -> bytes:
    return struct.pack(f"<III{len(rest)}I", name, kind << 24 | vlen, word, *(value & 0xFFFFFFFF for value in rest))


_INTEGER: Final = _type(_INT, 0, 0, 4, 1 << 24 | 32)
_VARIABLE: Final = _type(_VAR, _NAME_X, 0, 1, 0)

# Feature -> types of a BTF that only a kernel with it takes.
FEATURES: Final = {
    "float": _type(_FLOAT, _NAME_X, 0, 4),
    "decl_tag": _INTEGER + _VARIABLE + _type(_DECL_TAG, _NAME_X, 0, 2, -1),
    "type_tag": _INTEGER + _type(_TYPE_TAG, _NAME_X, 0, 1) + _type(2, 0, 0, 2),
    "enum64": _type(_ENUM64, 0, 0, 8),
    "qmark_datasec": _INTEGER + _VARIABLE + _type(_DATASEC, _NAME_QMARK, 1, 4, 2, 0, 4),
}


def with_header(types: bytes, strings: bytes) -> bytes:
    """A BTF of some types and strings."""
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def probe(machine: Machine) -> list[str]:
    """The features that the guest's kernel has."""
    request = Request()
    for number, types in enumerate(FEATURES.values()):
        data = with_header(types, _STRINGS)
        attr = l.Attr().u64(0, request.place(data)).u32(16, len(data))
        request.call(l.BPF, l.BTF_LOAD, request.place(bytes(attr.data)), attr.size, keep=number)
    results = machine.run(request)
    return [name for name, result in zip(FEATURES, results, strict=True) if not result.failed]


def sanitized(data: bytes, features: frozenset[str]) -> bytes:
    """The BTF with what the kernel does not take put in other words (libbpf: bpf_object__sanitize_btf)."""
    if features >= FEATURES.keys():
        return data
    magic, version, flags, hdr_len, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
    types = bytearray(data[hdr_len + type_off : hdr_len + type_off + type_len])
    strings = bytearray(data[hdr_len + str_off : hdr_len + str_off + str_len])
    records = list(_records(types))
    placeholder = len(records) + 1
    used = False
    for kind, at, vlen in records:
        if kind == _DECL_TAG and "decl_tag" not in features:
            struct.pack_into("<III", types, at + 4, _INT << 24, 1, 8)
        elif kind == _DATASEC and "qmark_datasec" not in features:
            (name,) = struct.unpack_from("<I", types, at)
            if strings[name : name + 1] == b"?":
                strings[name] = ord("_")
        elif kind == _FLOAT and "float" not in features:
            struct.pack_into("<II", types, at, 0, _STRUCT << 24)
        elif kind == _TYPE_TAG and "type_tag" not in features:
            struct.pack_into("<II", types, at, 0, _CONST << 24)
        elif kind == _ENUM and "enum64" not in features:
            struct.pack_into("<I", types, at + 4, _ENUM << 24 | vlen)
        elif kind == _ENUM64 and "enum64" not in features:
            used = True
            struct.pack_into("<I", types, at + 4, _UNION << 24 | vlen)
            for member in range(vlen):
                struct.pack_into("<II", types, at + 16 + 12 * member, placeholder, 0)
    if used:
        types += _type(_INT, len(strings), 0, 1, 8)
        strings += b"enum64_placeholder\0"
    return (
        struct.pack("<HBBIIIII", magic, version, flags, 24, 0, len(types), len(types), len(strings)) + types + strings
    )


# Bytes that follow a record's common part: (fixed, for each of vlen).
_TRAILERS: Final = {
    _INT: (4, 0), 3: (12, 0), _STRUCT: (0, 12), _UNION: (0, 12), _ENUM: (0, 8), 13: (0, 8), _VAR: (4, 0),
    _DATASEC: (0, 12), _DECL_TAG: (4, 0), _ENUM64: (0, 12),
}  # fmt: skip


def _records(types: bytearray) -> list[tuple[int, int, int]]:
    """Kind, offset and vlen of each type. The object's BTF was checked before."""
    out, at = [], 0
    while at < len(types):
        (info,) = struct.unpack_from("<I", types, at + 4)
        kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
        out.append((kind, at, vlen))
        fixed, each = _TRAILERS.get(kind, (0, 0))
        at += 12 + fixed + each * vlen
    return out
