"""Bodies that are held in memory: how long, and how much together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test import override_settings

from playground import bodies
from playground.bodies import FREE_BYTES, ROOM_BYTES, ROOM_OF_CLIENT, Body, bounded
from playground.http import Refused
from playground.jobs.queue import Busy, Client
from playground.jobs.service import MOST_PARSING, Parsing

MUCH = 1 << 20


@pytest.fixture(autouse=True)
def nothing_is_held() -> Iterator[None]:
    yield
    assert not bodies._held


def scope(**headers: str) -> dict[str, Any]:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": given, "client": ("192.0.2.1", 1)}


def filled(client: Client, room: int) -> list[Body]:
    """Bodies of a client until it is refused; so many bytes of them are counted at most."""
    found: list[Body] = []
    while True:
        found.append(Body(client))
        try:
            found[-1].grow(MUCH)
        except Refused as refused:
            assert (refused.status, refused.retry_after) == (503, 5)
            assert room - MUCH < sum(each._counted for each in found) <= room
            return found


def test_one_client_has_its_part_of_the_room() -> None:
    held = filled(Client("one"), ROOM_OF_CLIENT)
    other = Body(Client("two"))
    other.grow(MUCH)
    share = filled(Client("class", 2), 2 * ROOM_OF_CLIENT)
    for each in (*held, other, *share):
        each.release()


def test_all_have_so_much_together() -> None:
    held: list[Body] = []
    client = 0
    while bodies._held.total() <= ROOM_BYTES - MUCH:
        client += 1
        each = Body(Client(str(client)))
        each.grow(MUCH)
        held.append(each)
    with pytest.raises(Refused):
        Body(Client("the last")).grow(2 * MUCH)
    small = Body(Client("small"))
    small.grow(FREE_BYTES)  # always
    for each in (*held, small):
        each.release()


def test_room_is_given_back_when_a_body_is_over_or_breaks_off() -> None:
    async def broken() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(MUCH), "more_body": True}

    with pytest.raises(Refused) as refused:
        asyncio.run(bodies.body_of(scope(), broken))
    assert refused.value.status == 413
    assert not bodies._held


async def _django(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """Reads all, as Django does, and answers with what came."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def said(given: dict[str, Any], *parts: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """What Django's client is answered when it sends these parts, and never ends."""
    left = list(parts)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def go() -> None:
        await bounded(_django)(given, receive, send)

    with override_settings(BODY_BYTES=MUCH):
        asyncio.run(go())
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_django_gets_a_body_of_any_allowed_size() -> None:
    assert said(scope(), bytes(MUCH // 2), bytes(MUCH // 2))[::2] == (200, str(MUCH).encode())


def test_django_gets_no_body_that_is_announced_as_too_long() -> None:
    status, headers, body = said(scope(content_length=str(MUCH + 1)), bytes(10))
    assert (status, body, headers[b"connection"]) == (200, b"0", b"close")


def test_a_body_that_becomes_too_long_is_refused() -> None:
    status, headers, _ = said(scope(), *[bytes(MUCH // 2)] * 8)
    assert (status, headers[b"connection"]) == (413, b"close")


def test_large_messages_are_read_one_at_a_time_and_not_too_many_wait() -> None:
    async def go() -> tuple[list[Any], int]:
        parsing, running, most = Parsing(), 0, 0

        def read() -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            running -= 1
            return 1

        asked = [parsing.understood(read) for _ in range(MOST_PARSING + 5)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert await parsing.understood(read) == 1
        return found, most

    found, most = asyncio.run(go())
    assert most == 1
    assert found.count(1) == MOST_PARSING
    refused = [each for each in found if isinstance(each, Busy)]
    assert len(refused) == 5 and all(each.seconds == 1 for each in refused)
