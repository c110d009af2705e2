from __future__ import annotations

import struct
import time

import pytest

from vm.btf.check import from_untrusted
from vm.btf.ext import parse_ext
from vm.btf.types import MAX_USER_TYPES, Kind
from vm.errors import InputError
from vm.kernel.btf import kernel_btf

INT = struct.pack("<IIII", 1, Kind.INT << 24, 4, 1 << 24 | 32)


def blob(types: bytes, strings: bytes = b"\0int\0name\0") -> bytes:
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def record(kind: Kind, word: int = 0, vlen: int = 0, flag: int = 0, name: int = 0, tail: bytes = b"") -> bytes:
    return struct.pack("<III", name, flag << 31 | kind << 24 | vlen, word) + tail


def refused(types: bytes) -> str:
    with pytest.raises(InputError) as caught:
        from_untrusted(blob(types))
    return caught.value.message


def test_every_kind_reads_back() -> None:
    types = [
        INT,
        record(Kind.PTR, 1),
        record(Kind.ARRAY, tail=struct.pack("<III", 1, 1, 5)),
        record(Kind.STRUCT, 8, 2, 1, 5, struct.pack("<IIIIII", 5, 1, 3 << 24, 0, 1, 32)),
        record(Kind.UNION, 4, 1, 0, 0, struct.pack("<III", 5, 1, 0)),
        record(Kind.ENUM, 4, 1, 1, 5, struct.pack("<Ii", 1, -3)),
        record(Kind.FWD, 0, 0, 1, 5),
        record(Kind.TYPEDEF, 4, name=5),
        record(Kind.VOLATILE, 1),
        record(Kind.CONST, 9),
        record(Kind.RESTRICT, 2),
        record(Kind.FUNC, 13, 1, name=5),
        record(Kind.FUNC_PROTO, 1, 2, tail=struct.pack("<IIII", 5, 1, 0, 0)),
        record(Kind.VAR, 1, name=5, tail=struct.pack("<I", 1)),
        record(Kind.DATASEC, 4, 1, name=5, tail=struct.pack("<III", 14, 0, 4)),
        record(Kind.FLOAT, 8, name=5),
        record(Kind.DECL_TAG, 4, name=5, tail=struct.pack("<i", 1)),
        record(Kind.TYPE_TAG, 1, name=5),
        record(Kind.ENUM64, 8, 1, 0, 5, struct.pack("<III", 1, 1, 2)),
    ]
    btf = from_untrusted(blob(b"".join(types)))
    assert [t.kind for t in btf] == [Kind(n) for n in range(1, 20)]
    assert btf.type(4).members[0] == ("name", 1, 0, 3) and btf.type(4).members[1].bit_off == 32
    assert btf.type(6).enumerators == (("int", -3),)
    assert btf.type(12).linkage == 1 and btf.type(13).params[1] == ("", 0)
    assert btf.type(15).variables == ((14, 0, 4),) and btf.type(17).component == 1
    assert btf.type(19).enumerators == (("int", 1 | 2 << 32),)
    assert (btf.size_of(3), btf.size_of(8), btf.size_of(2), btf.align_of(3)) == (20, 8, 8, 4)
    assert btf.ids_of("int") == (1,) and btf.find("name", Kind.TYPEDEF) == btf.type(8)
    assert btf.enums_with("int") == (6, 19)
    assert btf.field("name", "name").bits == 3


def test_headers_that_are_none() -> None:
    good = blob(INT)
    for data, words in (
        (good[:20], "cut off"),
        (b"\0\0" + good[2:], "magic"),
        (b"\xeb\x9f" + good[2:], "big-endian"),
        (good[:2] + b"\7" + good[3:], "version 7"),
        (good[:12] + b"\xff\xff\xff\xff" + good[16:], "past the end"),
        (good[:-1] + b"x", "NUL"),
        (bytes(2 << 20), "at most"),
    ):
        with pytest.raises(InputError, match=words):
            from_untrusted(data)


def test_types_that_are_cut_off_or_unknown() -> None:
    assert "cut off" in refused(INT[:-4])
    assert "unknown kind 31" in refused(record(Kind.INT).replace(b"\x01", b"\x1f") + bytes(4))
    assert "refers to type 9" in refused(record(Kind.PTR, 9))
    assert "string offset" in refused(record(Kind.FLOAT, 8, name=4000))


def test_types_that_contain_themselves() -> None:
    assert "contains itself" in refused(record(Kind.TYPEDEF, 1, name=5))
    assert "contains itself" in refused(record(Kind.ARRAY, tail=struct.pack("<III", 1, 1, 2)))
    loop = record(Kind.STRUCT, 4, 1, 0, 5, struct.pack("<III", 5, 2, 0)) + record(Kind.CONST, 1)
    assert "contains itself" in refused(loop)
    pointer = record(Kind.STRUCT, 8, 1, 0, 5, struct.pack("<III", 5, 2, 0)) + record(Kind.PTR, 1)
    assert len(from_untrusted(blob(pointer))) == 3


def test_sizes_that_overflow() -> None:
    arrays = b"".join(record(Kind.ARRAY, tail=struct.pack("<III", n, 1, 1000)) for n in range(1, 8))
    assert "too large" in refused(INT + arrays)


def test_chains_without_an_end_in_sight() -> None:
    chain = b"".join(record(Kind.CONST, n) for n in range(1, 5000))
    btf = from_untrusted(blob(INT + chain))
    with pytest.raises(InputError, match="too"):
        btf.size_of(4999)
    with pytest.raises(InputError, match="too"):
        btf.align_of(4999)
    with pytest.raises(InputError, match="too"):
        btf.skip_modifiers(4999)


def test_many_types_take_no_long_time() -> None:
    most = b"".join(record(Kind.PTR, n) for n in range(1, MAX_USER_TYPES - 1))
    start = time.process_time()
    from_untrusted(blob(INT + most))
    assert time.process_time() - start < 2
    assert "at most" in refused(INT + most + record(Kind.PTR, 1) * 2)


def test_ext_that_is_damaged() -> None:
    btf = from_untrusted(blob(INT))
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 20, 20, 0)
    good = head + struct.pack("<IIIII", 8, 1, 1, 16, 1)
    assert parse_ext(good, btf).funcs == {"int": ((16, 1),)}
    for data in (b"", good[:-1], head, head + struct.pack("<IIIII", 4, 1, 1, 16, 1), good[:32] + b"\xff" * 12):
        with pytest.raises(InputError, match="BTF.ext"):
            parse_ext(data, btf)


def test_kernel_types() -> None:
    btf = kernel_btf()
    assert btf.struct("xdp_buff").size >= 48
    field = btf.field("sk_buff", "data")
    assert field.size == 8 and btf.offset_of("sk_buff", "data") == field.offset
    assert btf.field("sock", "__sk_common.skc_family").size == 2
    with pytest.raises(KeyError):
        btf.offset_of("sk_buff", "no_such_field")
    with pytest.raises(KeyError):
        btf.struct("no_such_struct")
    names = {name: btf.ids_of(name) for name in ("task_struct", "int", "bpf_map_lookup_elem", "nope")}
    indexed = kernel_btf.__wrapped__()
    indexed.enums_with("x")  # makes the index
    assert {name: indexed.ids_of(name) for name in names} == names
    assert names["nope"] == () and len(names["task_struct"]) == 1
