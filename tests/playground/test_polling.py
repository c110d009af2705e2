"""/ws/poll: the run socket's messages by requests that wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.test import override_settings

from playground import conversation, polling
from playground.consumers import run as consumer
from playground.jobs.service import Service
from playground.routing import limited
from tests.playground.asgi_client import call, calling
from tests.playground.conftest import asked

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Client:
    """As the page polls (static/src/core/polling.js)."""

    def __init__(self, name: str) -> None:
        self.path = f"/ws/poll/{name}"
        self.last = 0
        self.closed: int | None = None

    @classmethod
    async def connect(cls) -> Client:
        answer = await call("POST", "/ws/poll")
        assert answer.status == 201
        return cls(answer.json()["id"])

    async def ask(self) -> list[Any]:
        answer = await call("GET", f"{self.path}?after={self.last}")
        assert answer.status == 200, answer
        value = answer.json()
        self.last, self.closed = value["last"], value["closed"]
        messages: list[Any] = value["messages"]
        return messages

    async def send(self, **message: Any) -> None:
        assert (await call("POST", self.path, message)).status == 204

    async def until(self, kind: str) -> list[Any]:
        said: list[Any] = []
        while not any(message["type"] == kind for message in said):
            said += await self.ask()
        return said

    async def leave(self) -> int:
        return (await call("DELETE", self.path)).status


async def test_a_run_is_told_as_by_a_socket(service: Service) -> None:
    client = await Client.connect()
    await client.send(type="run", v=1, request=asked("stage one\nsteps verify 700"))
    said = await client.until("done")
    assert [m["type"] for m in said][:2] == ["hello", "accepted"]
    await client.send(type="window", stage="verify", **{"from": 256, "to": 300})
    (steps,) = await client.until("steps")
    assert (steps["from"], len(steps["steps"])) == (256, 256)
    await client.send(type="contents", request=asked("stage two"))
    assert (await client.until("contents"))[-1]["bytes"] == 5
    assert await client.leave() == 204
    assert (await call("GET", f"{client.path}?after=0")).status == 404


async def test_what_was_not_acknowledged_is_told_again(service: Service) -> None:
    client = await Client.connect()
    first = await client.ask()
    client.last = 0  # the answer was lost
    assert await client.ask() == first
    await client.leave()


async def test_a_request_waits_for_a_message_and_no_longer_than_it_may(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "POLL_SECONDS", 0.2)
    client = await Client.connect()
    await client.until("hello")
    assert await client.ask() == []
    monkeypatch.setattr(polling, "POLL_SECONDS", 10)
    async with calling("GET", f"{client.path}?after={client.last}") as waiting:
        await asyncio.sleep(0.05)
        assert not waiting.status
        await client.send(type="window", stage="verify", **{"from": 0, "to": 1})
        assert [m["code"] for m in (await waiting.end()).json()["messages"]] == ["unknown_run"]
    await client.leave()


async def test_one_who_asks_no_more_has_lost_the_connection_and_can_resume(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "IDLE_SECONDS", 0.3)
    client = await Client.connect()
    await client.send(type="run", v=1, request=asked("sleep 1\nstage late"))
    accepted = (await client.until("accepted"))[-1]
    before = sum(limited._open.values())
    await asyncio.sleep(0.6)
    assert sum(limited._open.values()) == before - 1
    again = await Client.connect()
    await again.send(type="resume", run=accepted["run"])
    assert [m.get("stage") for m in await again.until("done")][-2] == "late"
    await again.leave()


async def test_a_slow_reader_holds_the_consumer_up_and_is_dropped(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "HELD_BYTES", 200)
    monkeypatch.setattr(consumer, "SEND_SECONDS", 0.3)
    client = await Client.connect()
    await client.send(type="run", v=1, request=asked("stage one\nsteps verify 300"))
    await asyncio.sleep(1)
    held = polling._open[client.path.rpartition("/")[2]].conversation
    assert held._bytes < 200 + 40_000
    while client.closed is None:
        await client.ask()
    assert client.closed == consumer.SLOW
    assert (await call("GET", f"{client.path}?after={client.last}")).status == 404


async def test_an_address_has_as_many_connections_as_sockets(service: Service) -> None:
    with override_settings(SOCKETS_PER_ADDRESS=1):
        one, two = await Client.connect(), await Client.connect()
        assert (await one.ask())[0]["type"] == "hello"
        assert await two.ask() == [] and two.closed == 4029
        await one.leave()
    assert not limited._open["192.0.2.7"]


@pytest.mark.parametrize(
    ("method", "path", "value", "headers", "status"),
    [
        ("GET", "/ws/poll", None, {}, 405),
        ("PUT", "/ws/poll/" + "0" * 32, None, {}, 405),
        ("POST", "/ws/poll", None, {"origin": "https://elsewhere.example"}, 403),
        ("POST", "/ws/poll", None, {"host": "elsewhere.example"}, 400),
        ("POST", "/ws/poll", b"x" * 2000, {}, 413),
        ("GET", "/ws/poll/" + "0" * 32, None, {}, 404),
        ("POST", "/ws/poll/" + "0" * 32, {}, {}, 404),
    ],
)
async def test_what_is_refused(
    service: Service, method: str, path: str, value: Any, headers: dict[str, str], status: int
) -> None:
    answer = await call(method, path, value, **headers)
    assert answer.status == status and answer.json()["error"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


async def test_wrong_messages_are_answered_as_by_a_socket(service: Service) -> None:
    client = await Client.connect()
    assert (await call("POST", client.path, b"{")).status == 204
    assert (await call("POST", client.path, b"\xff")).status == 400
    said = await client.until("error")
    assert said[-1]["code"] == "bad_request"
    assert (await call("GET", f"{client.path}?after=-1")).status == 400
    await client.leave()


async def test_more_messages_than_are_answered_are_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "WAITING", 0)
    client = await Client.connect()
    assert (await call("POST", client.path, {"type": "cancel"})).status == 429
    await client.leave()
