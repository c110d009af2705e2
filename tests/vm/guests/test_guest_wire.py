"""Requests to a guest, and answers of one that is hostile."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from vm.guests.wire import ARENA, ARENA_BYTES, SKIPPED, GuestError, Kind, Read, Request, Slot


def stream(data: bytes) -> Callable[[int], bytes]:
    left = bytearray(data)

    def take(size: int) -> bytes:
        if size > len(left):
            raise GuestError("crash", "no more")
        out = bytes(left[:size])
        del left[:size]
        return out

    return take


def test_places_do_not_overlap_and_are_aligned() -> None:
    request = Request()
    first, second = request.place(b"abc"), request.place(b"d")
    assert first == ARENA
    assert second == ARENA + 8


def test_an_arena_has_an_end() -> None:
    with pytest.raises(GuestError, match="more memory"):
        Request().room(ARENA_BYTES + 1)


def test_a_slot_becomes_a_patch_of_the_argument() -> None:
    request = Request()
    request.call(3, Slot(7))
    assert struct.pack("<QQ", 0, 7) in request.encode()


def test_an_answer_is_read_call_by_call() -> None:
    request = Request()
    request.call(1, reads=(Read(ARENA, 4, Kind.TEXT),))
    request.call(2, reads=(Read(ARENA, 4),))
    said = struct.pack("<qI", 5, 2) + b"ab" + struct.pack("<q", SKIPPED)
    first, second = request.decode(stream(said))
    assert (first.value, first.data) == (5, (b"ab",))
    assert second.skipped
    assert second.failed


@pytest.mark.parametrize("size", [5, 1 << 31, 0xFFFFFFFF])
def test_more_than_was_asked_for_is_refused(size: int) -> None:
    request = Request()
    request.call(1, reads=(Read(ARENA, 4),))
    with pytest.raises(GuestError) as error:
        request.decode(stream(struct.pack("<qI", 0, size) + bytes(64)))
    assert error.value.kind == "protocol"
