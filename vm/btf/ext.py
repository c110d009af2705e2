""".BTF.ext: function, line and CO-RE relocation records (Documentation/bpf/btf.rst, section 4)."""

from __future__ import annotations

import struct
from typing import Final

from vm.btf.types import Btf
from vm.errors import InputError
from vm.namedtuples import NamedTuple

MAX_RECORDS: Final = 200_000
_HEADER: Final = struct.Struct("<HBBIIIII")


class FuncRecord(NamedTuple):
    """offset in bytes within the section."""

    offset: int
    type_id: int


class LineRecord(NamedTuple):
    offset: int
    file_off: int
    text_off: int
    line: int
    column: int


class CoreRelo(NamedTuple):
    """struct bpf_core_relo: kind is enum bpf_core_relo_kind, access the "0:1:2" string."""

    offset: int
    type_id: int
    access: str
    kind: int


class BtfExt(NamedTuple):
    """Records by section name, in the order of the file."""

    funcs: dict[str, tuple[FuncRecord, ...]]
    lines: dict[str, tuple[LineRecord, ...]]
    relos: dict[str, tuple[CoreRelo, ...]]


def parse_ext(data: bytes, btf: Btf) -> BtfExt:
    """Parse a .BTF.ext section; InputError if it is damaged."""
    try:
        magic, version, _flags, hdr_len, func_off, func_len, line_off, line_len = _HEADER.unpack_from(data)
        relo_off = relo_len = 0
        if hdr_len >= 32:
            relo_off, relo_len = struct.unpack_from("<II", data, 24)
    except struct.error:
        raise _bad("the header is cut off") from None
    if magic != 0xEB9F or version != 1 or hdr_len < 24:
        raise _bad("its header is not one")
    funcs = _section(data, btf, hdr_len + func_off, func_len, 8)
    lines = _section(data, btf, hdr_len + line_off, line_len, 16)
    relos = _section(data, btf, hdr_len + relo_off, relo_len, 16)
    return BtfExt(
        {name: tuple(FuncRecord(*r) for r in struct.iter_unpack("<II", raw)) for name, raw in funcs.items()},
        {
            name: tuple(LineRecord(o, f, t, c >> 10, c & 0x3FF) for o, f, t, c in struct.iter_unpack("<IIII", raw))
            for name, raw in lines.items()
        },
        {
            name: tuple(CoreRelo(o, t, btf.string(a), k) for o, t, a, k in struct.iter_unpack("<IIII", raw))
            for name, raw in relos.items()
        },
    )


def _section(data: bytes, btf: Btf, start: int, length: int, known: int) -> dict[str, bytes]:
    """Section name -> its records, each cut to the `known` leading bytes."""
    if length == 0:
        return {}
    end = start + length
    if end > len(data) or length < 4:
        raise _bad("a part of it reaches past the end")
    (size,) = struct.unpack_from("<I", data, start)
    if not known <= size <= 256 or size % 4:
        raise _bad(f"its records have {size} bytes")
    out: dict[str, bytes] = {}
    pos, total = start + 4, 0
    while pos < end:
        if pos + 8 > end:
            raise _bad("a part of it is cut off")
        name_off, count = struct.unpack_from("<II", data, pos)
        pos += 8
        total += count
        if not count or total > MAX_RECORDS or pos + count * size > end:
            raise _bad(f"it says it has {count} records where there are fewer bytes")
        raw = data[pos : pos + count * size]
        if size != known:
            raw = b"".join(raw[i : i + known] for i in range(0, len(raw), size))
        name = btf.string(name_off)
        out[name] = out.get(name, b"") + raw
        pos += count * size
    return out


def _bad(what: str) -> InputError:
    return InputError(f"The .BTF.ext section cannot be used: {what}.")
