"""Paths to members by offset, in the kernel's types; types that are deep or hostile end."""

from __future__ import annotations

import struct

import pytest

from vm.btf.members import member_path
from vm.btf.types import Btf, Kind
from vm.kernel.btf import kernel_btf


@pytest.mark.parametrize(
    ("name", "offset_of", "size", "path"),
    [
        ("sock", "__sk_common.skc_dport", 2, "__sk_common.skc_dport"),
        ("sock", "__sk_common.skc_dport", 4, "__sk_common.skc_portpair"),
        ("task_struct", "tgid", 4, "tgid"),
        ("task_struct", "comm", 16, "comm"),
        ("task_struct", "comm", 1, "comm[0]"),
    ],
)
def test_the_smallest_member_that_holds_the_bytes(name: str, offset_of: str, size: int, path: str) -> None:
    btf = kernel_btf()
    if offset_of.endswith("skc_dport"):
        offset = 12  # in a struct in a union without names
    else:
        offset = btf.offset_of(name, offset_of)
    assert member_path(btf, btf.struct(name).id, offset, size) == path


def test_bytes_of_no_member_have_no_path() -> None:
    btf = kernel_btf()
    assert member_path(btf, btf.struct("sock").id, 1 << 20, 1) == ""
    integer = next(btf.of_kind(Kind.INT))
    assert member_path(btf, integer.id, 0, 1) == ""


def test_unions_within_unions_end() -> None:
    names = b"\0u\0m\0int\0"
    types = struct.pack("<IIII", 5, 1 << 24, 4, 32)  # 1: int
    for number in range(2, 40):  # a union of nine members, each of the type before
        types += struct.pack("<III", 1, 5 << 24 | 9, 4)
        types += struct.pack("<III", 3, number - 1, 0) * 9
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names))
    btf = Btf(header + types + names)
    assert member_path(btf, 39, 0, 4) == ""
    assert member_path(btf, 3, 0, 4) == "m.m"
