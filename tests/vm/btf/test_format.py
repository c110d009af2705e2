from __future__ import annotations

import struct

from tests.vm.btf.test_cdump import _btf
from vm.btf.format import format_value

SOURCE = """
enum state { IDLE, BUSY = 5 };
struct event { int pid; char comm[8]; enum state state; _Bool ok; unsigned a:3; int b:5; void *at; short list[3]; };
struct event keep;
union pair { int i; short s[2]; }; union pair pair;
double number; char raw[4];
"""


def test_a_struct_as_a_c_initializer() -> None:
    btf = _btf(SOURCE)
    data = struct.pack("<i8siBBxxQ3h", -7, b"bash", 5, 1, 0b11111_101, 0xFFFF888000000000, 1, -2, 3)
    offset = btf.offset_of("event", "at")
    data = data[:16] + data[16:18].ljust(offset - 16, b"\0") + data[-14:]
    text = format_value(btf, btf.struct("event").id, data)
    assert text == (
        '{.pid = -7, .comm = "bash", .state = BUSY, .ok = true, .a = 5, .b = -1, .at = 0xffff888000000000, '
        ".list = {1, -2, 3}}"
    )


def test_what_is_missing_and_what_is_too_much() -> None:
    btf = _btf(SOURCE)
    assert format_value(btf, btf.struct("event").id, b"\1\0\0\0ab").startswith("{.pid = 1, ")
    assert "?" in format_value(btf, btf.struct("event").id, b"\1\0\0")
    assert format_value(btf, btf.struct("event").id, bytes(64), max_nodes=3).endswith("…}")
    assert format_value(btf, btf.struct("pair").id, b"\1\0\2\0") == "{.i = 131073, .s = {1, 2}}"


def test_text_or_numbers() -> None:
    btf = _btf(SOURCE)
    raw = next(v.type_id for v in btf if v.name == "raw")
    assert format_value(btf, raw, b'a"b\0') == '"a\\"b"'
    assert format_value(btf, raw, b"\1\2\3\xff") == "{1, 2, 3, -1}"
    number = next(v.type_id for v in btf if v.name == "number")
    assert format_value(btf, number, struct.pack("<d", 0.5)) == "0.5"
