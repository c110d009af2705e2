"""Inputs as JSON: what is written is read again, and what is wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vm.errors import InputError
from vm.runner import given
from vm.runner.inputs import GivenCall, GivenInput, GivenLoad, GivenStart

WHOLE = GivenInput(
    packet=bytes(20),
    meta=bytes(4),
    ctx={8: b"\x01\x02", 16: bytes(8)},
    maps={"counts": ((bytes(4), b"\x07" * 8),)},
    helpers=(
        GivenCall(3, (1 << 64) - 14, memory={1: b"abc"}),
        GivenCall(5, object=bytes(16)),
        GivenCall(7, natural=True),
        GivenCall(7, natural=True, ends=(6, 9)),
        GivenCall(8, 1, ends=(7,)),
    ),
    loads=(GivenLoad(9, 7), GivenLoad(9, object=b"xy")),
    start=GivenStart(12, (5, b"z")),
    check_stack=True,
)


def test_an_input_is_read_as_it_was_written() -> None:
    assert given.parse(json.dumps(given.as_json(WHOLE))) == WHOLE
    assert given.as_json(GivenInput()) == {}
    assert given.parse(b"{}") == GivenInput()


@pytest.mark.parametrize("value", [0, 1, 1 << 53, (1 << 53) + 1, 1 << 63, (1 << 64) - 14, (1 << 64) - 1])
def test_registers_survive_programs_that_round_large_numbers(value: int) -> None:
    written = given.as_json(GivenInput(helpers=(GivenCall(1, value),)))
    result = written["helpers"][0]["result"]
    assert isinstance(result, str) or float(result) == result
    assert given.from_json(written).helpers[0].result == value


def test_negative_results_are_registers() -> None:
    assert given.parse('{"helpers": [{"insn": 1, "result": -14}]}').helpers[0].result == (1 << 64) - 14


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([], "the input"),
        ({"packets": "00"}, "packets"),
        ({"packet": 7}, "packet"),
        ({"packet": "0g"}, "packet"),
        ({"packet": "00" * 70_000}, "packet"),
        ({"meta": "00" * 300}, "meta"),
        ({"ctx": {"-1": "00"}}, "ctx"),
        ({"ctx": {"٣": "00"}}, "ctx"),
        ({"ctx": {"9999": "00"}}, "ctx"),
        ({"ctx": {"8190": "00" * 8}}, "ctx[8190]"),
        ({"maps": {"m": [["00"]]}}, "maps['m']"),
        ({"maps": {"m": {}}}, "maps['m']"),
        ({"maps": {str(i): [] for i in range(99)}}, "maps"),
        ({"helpers": [{"result": 1}]}, "insn"),
        ({"helpers": [{"insn": -1}]}, "insn"),
        ({"helpers": [{"insn": True}]}, "insn"),
        ({"helpers": [{"insn": 1, "result": 1 << 64}]}, "result"),
        ({"helpers": [{"insn": 1, "memory": {"r0": "00"}}]}, "memory"),
        ({"helpers": [{"insn": 1, "other": 1}]}, "other"),
        ({"helpers": [{"insn": 1}] * 30_000}, "helpers"),
        ({"helpers": [{"insn": 1, "ends": ["r1"]}]}, "ends"),
        ({"helpers": [{"insn": 1, "ends": 6}]}, "ends"),
        ({"loads": [{"insn": 1, "value": "x"}]}, "value"),
        ({"loads": [{"insn": 1, "value": "9" * 30}]}, "value"),
        ({"loads": [{"insn": 1, "value": "--1"}]}, "value"),
        ({"loads": [{"insn": 1, "object": "00" * 70_000}]}, "object"),
        ({"start": {"insn": 1, "arguments": [0] * 6}}, "arguments"),
        ({"check_stack": 1}, "check_stack"),
    ],
)
def test_what_is_wrong_is_named(value: Any, named: str) -> None:
    with pytest.raises(InputError) as error:
        given.parse(json.dumps(value))
    assert named in error.value.message


@pytest.mark.parametrize("text", ["", "{", "nul", '{"packet": "00"', "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json_is_said(text: str | bytes) -> None:
    with pytest.raises(InputError):
        given.parse(text)


def test_a_file_that_is_too_long_is_refused() -> None:
    with pytest.raises(InputError, match="4 MiB"):
        given.parse(" " * (given.MAX_BYTES + 1))
