"""Global variables by their BTF, from clang and from whoever means harm."""

from __future__ import annotations

import struct
import time

from tests.vm.btf.test_cdump import _btf
from tests.vm.btf.test_types import INT, blob, record
from tests.vm.elf.objects import build
from vm.btf.check import from_untrusted
from vm.btf.types import Btf, Kind
from vm.btf.variables import MAX_NAME, MAX_TEXT, MAX_VARIABLES, variables
from vm.elf import load_object

SOURCE = """
struct point { int x; char name[4]; };
enum mode { SLOW, FAST = 3 };
struct point points[2] = {{1, "one"}, {-2, "two"}};
enum mode mode = FAST;
struct { int a; } unnamed = {4};
int (*call)(int) = 0;
const volatile unsigned char limit = 7;
static volatile long long hidden = -5;
__attribute__((section("xdp"))) int keep(void *ctx)
{
	return hidden + mode + limit + points[0].x + unnamed.a + (long)call;
}
"""


def test_variables_are_told_by_name_type_and_value() -> None:
    obj = load_object(build(SOURCE), "variables.o")
    btf = obj.programs[0].btf
    found = {}
    for spec in obj.programs[0].maps:
        for one in variables(btf, spec.btf_value_type_id, spec.initial or bytes(spec.value_size)):
            found[one.name] = one[1], one.value
            assert one.offset + one.size <= spec.value_size
    assert found == {
        "points": ("struct point[2]", '{{.x = 1, .name = "one"}, {.x = -2, .name = "two"}}'),
        "mode": ("enum mode", "FAST"),
        "unnamed": ("struct {…}", "{.a = 4}"),
        "call": ("function *", "NULL"),
        "limit": ("const volatile unsigned char", "7"),
        "hidden": ("volatile long long", "-5"),
    }


def test_bytes_without_a_section() -> None:
    btf = _btf(SOURCE)
    assert variables(None, 5, b"abcd") == ()
    assert variables(btf, 0, b"abcd") == variables(btf, 1 << 30, b"abcd") == variables(btf, -1, b"abcd") == ()
    assert variables(btf, btf.struct("point").id, bytes(8)) == ()


def hostile(*types: bytes, name: bytes = b"v") -> Btf:
    return from_untrusted(blob(b"".join((INT, *types)), b"\0int\0" + name + b"\0"))


def test_what_the_bytes_do_not_reach() -> None:
    variable = record(Kind.VAR, 1, name=5, tail=struct.pack("<I", 1))
    places = struct.pack("<IIIIII", 2, 4, 4, 2, 0xFFFFFFFF, 0xFFFFFFFF)
    btf = hostile(variable, record(Kind.DATASEC, 8, 2, name=5, tail=places))
    assert [v.value for v in variables(btf, 3, bytes(6))] == ["?", "?"]


def test_names_texts_and_numbers_of_variables_are_bounded() -> None:
    long = b"n" * 200_000
    members = struct.pack("<III", 5, 1, 0) * 5000
    wide = record(Kind.STRUCT, 4, 5000, name=5, tail=members)
    variable = record(Kind.VAR, 2, name=5, tail=struct.pack("<I", 1))
    count = 5000
    btf = hostile(wide, variable, record(Kind.DATASEC, 4, count, name=5, tail=struct.pack("<III", 3, 0, 4) * count),
                  name=long)  # fmt: skip
    started = time.process_time()
    found = variables(btf, 4, bytes(4))
    assert time.process_time() - started < 5
    assert len(found) == MAX_VARIABLES
    assert max(len(v.value) for v in found) == MAX_TEXT
    assert max(len(v.name) for v in found) == max(len(v.type) for v in found) == MAX_NAME


def test_types_that_double_at_each_level_are_not_spelled_out() -> None:
    types = [record(Kind.STRUCT, 4, 2, tail=struct.pack("<IIIIII", 0, 1, 0, 0, 1, 0))]
    for inner in range(2, 25):
        types.append(record(Kind.STRUCT, 4, 2, tail=struct.pack("<IIIIII", 0, inner, 0, 0, inner, 0)))
    variable = record(Kind.VAR, 25, name=5, tail=struct.pack("<I", 1))
    btf = hostile(*types, variable, record(Kind.DATASEC, 4, 1, name=5, tail=struct.pack("<III", 26, 0, 4)))
    started = time.process_time()
    [found] = variables(btf, 27, bytes(4))
    assert time.process_time() - started < 5
    assert found.type == "struct {…}"
    assert "…" in found.value
