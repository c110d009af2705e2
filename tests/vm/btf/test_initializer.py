from __future__ import annotations

import struct

import pytest

from tests.vm.btf.test_cdump import _btf
from vm.btf.format import format_value
from vm.btf.initializer import MAX_TEXT, parse_value
from vm.errors import InputError

SOURCE = """
enum state { IDLE, BUSY = 5 };
struct event { int pid; char comm[8]; enum state state; _Bool ok; unsigned a:3; int b:5; void *at; short list[3]; };
struct event keep;
union pair { int i; short s[2]; }; union pair pair;
unsigned char small; long long large; char raw[4]; double number;
"""
BTF = _btf(SOURCE)


def value(name: str, text: str) -> bytes:
    found = next(each for each in BTF if each.name == name and (each.kind.name == "VAR"))
    return parse_value(BTF, found.id, BTF.size_of(found.id), text, "The value")


@pytest.mark.parametrize(
    ("name", "text", "data"),
    [
        ("small", "255", b"\xff"),
        ("small", "0x10", b"\x10"),
        ("small", "'A'", b"A"),
        ("large", "-2", b"\xfe" + b"\xff" * 7),
        ("raw", '"ab"', b"ab\0\0"),
        ("raw", '"a\\"b\\n"', b'a"b\n'),
        ("raw", "{1, 2,}", b"\1\2\0\0"),
        ("raw", "hex:01 02 03 04", b"\1\2\3\4"),
        ("pair", "{.s = {1, 2}}", b"\1\0\2\0"),
        ("pair", "{7}", b"\7\0\0\0"),
    ],
)
def test_values_are_written_as_in_c(name: str, text: str, data: bytes) -> None:
    assert value(name, text) == data


def test_what_is_shown_of_a_structure_can_be_written() -> None:
    text = (
        '{.pid = -7, .comm = "bash", .state = BUSY, .ok = true, .a = 5, .b = -1, .at = 0xffff888000000000, '
        ".list = {1, -2, 3}}"
    )
    data = value("keep", text)
    assert format_value(BTF, BTF.struct("event").id, data) == text
    assert value("keep", '{3, "x", .list = {9}, .pid = 4}')[:6] == struct.pack("<i", 4) + b"x\0"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("small", "256", "256 is not from 0 to 255"),
        ("small", "many", "a whole number is needed, and 'many' is none"),
        ("small", "1 2", "'2' follows the value"),
        ("small", "", "ends too early"),
        ("small", "hex:0102", "has 1 bytes; hex: gives 2"),
        ("small", "hex:zz", "not written in hex"),
        ("raw", '"abcde"', "a text of 5 bytes does not fit into 4"),
        ("raw", "{1,2,3,4,5}", "the array has 4 elements"),
        ("raw", "{1 2}", "a comma or a closing brace is missing"),
        ("raw", "7", "an array is needed"),
        ("keep", "{.nosuch = 1}", "there is no member 'nosuch'"),
        ("keep", "{.a = 8}", "8 does not fit into the 3 bits of a"),
        ("keep", "{.state = WRONG}", "or one of IDLE, BUSY"),
        ("keep", "{" * 40, "ends too early|is needed"),
        ("pair", "{1, 2}", "has 2 members"),
        ("number", "1", "cannot be written"),
        ("small", "1" * (MAX_TEXT + 1), "at most 1000 characters"),
        ("small", "\\", "there is no value"),
    ],
)
def test_what_is_no_value_is_said(name: str, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as error:
        value(name, text)
    assert error.value.message.startswith("The value")


def test_without_a_type_a_value_is_a_number_or_bytes() -> None:
    assert parse_value(None, 0, 4, "-1", "It") == b"\xff" * 4
    assert parse_value(None, 0, 12, "hex:" + "01" * 12, "It") == b"\1" * 12
    for size, text in ((12, "1"), (1, "256"), (4, '"ab"'), (0, "1"), (1 << 20, "1")):
        with pytest.raises(InputError, match="It has"):
            parse_value(None, 0, size, text, "It")
