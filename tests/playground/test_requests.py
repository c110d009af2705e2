"""What a request may hold, and what is said of what it may not."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.requests import BadRequest, check_request, size

GOOD: dict[str, Any] = {"kind": "c", "source": "int x;"}


def said(**more: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        check_request({**GOOD, **more})
    return caught.value.message


def test_fills_in_every_option() -> None:
    checked = check_request(GOOD)
    assert checked["options"] == {
        "program": "",
        "opt": "O2",
        "mcpu": "v3",
        "fix_includes": False,
        "prog_type": "xdp",
        "verify": True,
        "unprivileged": False,
        "engine": "jit",
    }
    assert checked["input"] == {"kind": "auto"}
    assert check_request(checked) == checked


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"kind": "rust"}, "one of c, asm, hex, elf"),
        ({"kind": ["c"]}, "one of c, asm, hex, elf"),
        ({"source": None}, "has to be text"),
        ({"source": ""}, "write or paste some C source"),
        ({"kind": "hex", "source": "  "}, "write or paste some hex text"),
        ({"source": "x" * ((64 << 10) + 1)}, "The source has 65,537 bytes; at most 65,536 bytes are taken"),
        ({"source": "x" * (1 << 20)}, "The source has 1,048,576 bytes; at most 65,536 bytes are taken"),
        ({"source": "é" * (33 << 10)}, "The source has 67,584 bytes"),
        ({"source": "int\0x"}, "NUL"),
        ({"source": "\ud800"}, "half a character"),
        ({"kind": "elf", "source": ""}, "The object file is empty"),
        ({"kind": "elf", "source": "f0VMRg="}, "not base64"),
        ({"kind": "elf", "source": "A" * (2 << 20)}, "has 1,572,864 bytes; at most 1,048,576 bytes are taken"),
        ({"extra": 1}, "a field 'extra' in the request that is not known"),
        ({"options": []}, "have to be an object"),
        ({"options": {"color": "red"}}, "a field 'color'"),
        ({"options": {"opt": "O9"}}, "opt has to be one of: O0, O1, O2"),
        ({"options": {"verify": 1}}, "verify has to be one of: no, yes"),
        ({"options": {"program": "x" * 200}}, "at most 128 characters"),
        ({"input": {"kind": "socket"}}, "none, packet, form, pcap, event"),
        ({"input": {"kind": ["packet"]}}, "none, packet, form, pcap, event"),
        ({"input": {"kind": "packet"}}, "has to be hex text"),
        ({"input": {"kind": "packet", "hex": "0"}}, "odd number of hex digits"),
        ({"input": {"kind": "packet", "hex": "0g"}}, "'g', which is not a hex digit"),
        ({"input": {"kind": "packet", "hex": "00" * 100_000}}, "100,000 bytes; at most 65,536 bytes"),
        ({"input": {"kind": "packet", "hex": "00 " * 65_537}}, "65,537 bytes; at most 65,536 bytes"),
        ({"input": {"kind": "pcap", "base64": "%"}}, "The capture did not arrive whole"),
        ({"input": {"kind": "pcap"}}, "The capture has to be sent as base64"),
        ({"input": {"kind": "event", "name": 7}}, "event's name"),
        ({"input": {"kind": "event", "values": {"a": [1]}}}, "text, a whole number"),
        ({"input": {"kind": "event", "values": {"a": 1 << 64}}}, "does not fit 64 bits"),
        ({"input": {"kind": "form", "layers": {"eth": 1}}}, "The layer 'eth'"),
        ({"input": {"kind": "form", "layers": {"\ud800": 5}}}, "half a character"),
        ({"input": {"kind": "form", "layers": {"eth": {"\ud800": []}}}}, "half a character"),
        ({"input": {"kind": "event", "values": {"\ud800": []}}}, "half a character"),
        ({"input": {"kind": "form", "layers": {"eth": {"src": []}}}}, "fields of the layer 'eth'"),
        ({"input": {"kind": "form", "layers": {"payload": {"text": "x" * (1 << 20)}}}}, "1,048,576 bytes; at most"),
    ],
)
def test_says_what_is_wrong(more: dict[str, Any], sentence: str) -> None:
    assert sentence in said(**more)


def test_takes_a_packet_in_any_spelling() -> None:
    given_hex = {"kind": "packet", "hex": "AA bb\nCC"}
    assert check_request({**GOOD, "input": given_hex})["input"]["hex"] == "aabbcc"


def test_takes_an_object_of_exactly_the_most() -> None:
    data = base64.b64encode(bytes(1 << 20)).decode()
    assert check_request({"kind": "elf", "source": data})["source"] == data


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["c", "asm", "hex", "elf"]) | values,
            "source": st.text(max_size=20) | values,
            "options": st.dictionaries(st.sampled_from(["opt", "engine", "program", "verify"]), values) | values,
            "input": st.fixed_dictionaries(
                {"kind": st.sampled_from(["packet", "pcap", "event", "form", "none", "auto"])},
                optional={"hex": values, "base64": values, "name": values, "values": values, "layers": values},
            )
            | values,
        },
    )
    | values
)
def test_any_value_is_checked_or_refused_with_a_sentence(value: Any) -> None:
    try:
        checked = check_request(value)
    except BadRequest as error:
        assert error.message.endswith((".", "first."))
    else:
        assert check_request(checked) == checked


def test_sizes_as_people_say_them() -> None:
    assert [size(n) for n in (0, 1, 1023, 65537)] == ["0 bytes", "1 byte", "1,023 bytes", "65,537 bytes"]
