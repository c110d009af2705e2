"""USDT probes: what notes say, how arguments are told to a program; damaged notes are refused or say nothing."""

from __future__ import annotations

import contextlib
import struct
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.guests import usdt
from vm.guests.attaching import NotAttached
from vm.guests.initrd import program

NOTE: Final = (
    struct.pack("<III", 8, 41, 3)
    + b"stapsdt\0"
    + struct.pack("<QQQ", 0x401000, 0, 0x402000)
    + b"p\0probe\0-4@%eax\0\0\0"
)


def test_the_program_of_guests_has_two_probes() -> None:
    found = {each.name: each for each in usdt.binary(program("bin/sockets")).probes if each.provider == "bpfscope"}
    assert set(found) == {"sent", "received"}
    for each in found.values():
        assert len(usdt.spec(each.arguments)) == 208


def test_a_note_is_read() -> None:
    assert list(usdt._notes(NOTE)) == [usdt.Probe("p", "probe", 0x401000, 0x402000, "-4@%eax")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("8@%rdi", (0, 1, 112, 0, 0)),
        ("-4@%r15d", (0, 1, 0, 1, 32)),
        ("1@%sil", (0, 1, 104, 0, 56)),
        ("-4@$-5", (2**64 - 5, 0, 0, 1, 32)),
        ("2@$0x10", (16, 0, 0, 0, 48)),
        ("8@-16(%rbp)", (2**64 - 16, 2, 32, 0, 0)),
        ("4@(%rsp)", (0, 2, 152, 0, 32)),
    ],
)
def test_where_an_argument_lies(text: str, told: tuple[int, ...]) -> None:
    assert struct.unpack_from("<QIhBb", usdt.spec(text)) == told
    assert struct.unpack_from("<Qh", usdt.spec(text, 7), 192) == (7, 1)


@pytest.mark.parametrize("text", ["8@x(%rip)", "3@%rax", "8@%xmm0", "8@8(%rax,%rcx,4)", "@", " ".join(["8@%rax"] * 13)])
def test_other_arguments_are_refused(text: str) -> None:
    with pytest.raises(NotAttached):
        usdt.spec(text)


@given(
    st.binary(max_size=200)
    | st.builds(lambda at, new: NOTE[:at] + new + NOTE[at + 1 :], st.integers(0, 70), st.binary(max_size=3))
)
def test_damaged_notes_end(data: bytes) -> None:
    with contextlib.suppress(NotAttached):
        for each in usdt._notes(data):
            usdt.spec(each.arguments)


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=20), st.integers(0, 1 << 20))
def test_damaged_files_are_refused_or_read(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(program("bin/sockets"))
    for at, value in changes:
        # Most of them where headers are: at the beginning and at the end.
        data[at % 256 - 128 if at % 2 else at % len(data)] = value
    with contextlib.suppress(NotAttached):
        file = usdt.binary(bytes(data[: length % (2 * len(data))]))
        for each in file.probes:
            assert file.offset(each.address) >= 0
            usdt.spec(each.arguments)
