"""Sockets from outside that mean harm, or whose other end is in trouble: what they leave behind is nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from playground.clients import scope_client
from playground.consumers import run as consumer
from playground.jobs.service import Service
from playground.throttle import SocketLimit
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import LOST, Socket, asked

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]
HALF = '{"type":"run","v":1,"request":{"kind":"c","source":"x","input":{"kind":"form","layers":{"\\ud800":5}}}}'


def counted() -> SocketLimit:
    from playground.routing import websocket

    found: SocketLimit = websocket.application
    return found


async def dial(**headers: str) -> tuple[WebsocketCommunicator, dict[str, Any]]:
    from playground.routing import websocket

    sent = {"origin": "http://localhost:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    communicator = WebsocketCommunicator(
        websocket, "/ws/run", headers=[(name.encode(), value.encode()) for name, value in sent.items()]
    )
    assert await communicator.connect()
    return communicator, await communicator.receive_output(10)


async def test_half_a_character_is_refused_and_locks_nobody_out(connect: Connect, settings: Any) -> None:
    settings.SOCKETS_PER_ADDRESS = 3
    for _ in range(5):
        socket = await connect()
        await socket.communicator.send_to(text_data=HALF)
        answer = await socket.receive()
        assert (answer["type"], answer["code"]) == ("error", "bad_request")
        assert "half a character" in answer["message"]
        await socket.close()
    assert not counted()._open


@pytest.mark.parametrize(
    "message",
    [
        {"type": "resume", "run": "\ud800" * 33},
        {"type": "\udfff"},
        {"type": "run", "v": 1, "request": {"kind": "\ud800"}},
        {"type": "run", "v": 1, "request": {"\ud800": 1}},
        {"type": "run", "v": 1, "request": asked("x"), "instead": ["\ud800"]},
        {"type": "run", "v": 1, "request": asked("x"), "instead": 7},
        {"type": "run", "v": True, "request": asked("x")},
        {"type": "run", "v": 1.0, "request": asked("x")},
        {"type": "window", "stage": "verify", "from": True, "to": 2},
    ],
)
async def test_what_no_client_means_gets_a_sentence(connect: Connect, message: dict[str, Any]) -> None:
    socket = await connect()
    await socket.send(**message)
    assert (await socket.receive())["type"] == "error"
    await socket.run("stage load")
    assert (await socket.until("done"))[0]["type"] == "accepted"


async def test_an_error_of_ours_is_told_and_ends_no_socket(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: Any, message: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setitem(consumer.HANDLERS, "cancel", broken)
    socket = await connect()
    await socket.send(type="cancel")
    answer = await socket.receive()
    assert answer["code"] == "internal" and "secret" not in answer["message"]
    assert "ZeroDivisionError" in caplog.text
    await socket.run("stage load")
    await socket.until("done")


async def test_an_error_that_ends_the_application_is_counted_off_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(consumer.RunConsumer, "connect", broken)
    from playground.routing import websocket

    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost")])
    with pytest.raises(ZeroDivisionError):
        await communicator.connect()
    assert not counted()._open


async def test_a_reader_that_stalls_in_a_window_is_closed_and_counted_off(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SEND_SECONDS", 0.2)
    socket = await connect()
    await socket.run("steps verify 600")
    await socket.until("done")

    async def stalled(self: Any, **message: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(consumer.RunConsumer, "send", stalled)
    await socket.send(type="window", stage="verify", **{"from": 0, "to": 10})
    assert await socket.communicator.receive_output(10) == {"type": "websocket.close", "code": 4008}
    await socket.close(4008)
    assert not counted()._open


@pytest.mark.parametrize(
    ("proxies", "forwarded", "network"),
    [
        (0, "203.0.113.9", "192.0.2.7"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "192.0.2.7"),
        (1, "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (1, "nonsense", "unknown"),
    ],
)
async def test_who_opens_a_socket_is_read_as_for_pages(
    settings: Any, proxies: int, forwarded: str, network: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    scope = {"client": ("192.0.2.7", 1), "headers": [(b"host", b"x"), (b"x-forwarded-for", forwarded.encode())]}
    assert scope_client(scope).name == network


async def test_visitors_behind_a_proxy_are_counted_apart(service: Service, settings: Any) -> None:
    settings.SOCKETS_PER_ADDRESS, settings.TRUSTED_PROXIES = 1, 1
    opened = [await dial(x_forwarded_for=f"198.51.100.1, 203.0.113.{number}") for number in (1, 2, 1)]
    assert [message.get("code", message["type"]) for _, message in opened] == ["websocket.send", "websocket.send", 4029]
    for communicator, _ in opened:
        await communicator.disconnect()
    assert not counted()._open


async def test_large_messages_are_parsed_one_at_a_time_beside_the_loop(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    loops, inside = threading.get_ident(), []
    understand = consumer.understand

    def watched(text: str) -> Any:
        inside.append(threading.get_ident())
        return understand(text)

    monkeypatch.setattr(consumer, "understand", watched)
    socket = await connect()
    await socket.run("stage load\n" + "#" * 60_000)
    await socket.until("done")
    await socket.run("stage load")
    await socket.until("done")
    assert inside[0] != loops and inside[1] == loops


async def test_a_message_is_measured_before_it_is_parsed(
    connect: Connect, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "understand", lambda text: pytest.fail("it was parsed"))
    settings.MESSAGE_BYTES = 1000
    socket = await connect()
    await socket.run("x" * 2000)
    assert "1,000 bytes" in (await socket.receive())["message"]


async def test_a_message_of_nothing_but_lists_is_not_parsed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = await connect()
    unused = SimpleNamespace(loads=lambda *args, **more: pytest.fail("it was parsed"))
    monkeypatch.setattr("playground.requests.json", unused)
    await socket.communicator.send_to(text_data="[" + "[]," * 400_000 + "0]")
    assert (await socket.receive())["code"] == "size"


async def test_a_source_may_be_all_brackets(connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage load\n" + "{[" * 32_000)
    assert (await socket.until("done"))[-2]["stage"] == "load"


async def test_a_run_whose_socket_is_closed_ends_at_once(connect: Connect, service: Service) -> None:
    first = await connect()
    await first.run("stage compile\nsleep 2.8")
    await first.until("stage")
    waiting = await connect()
    await waiting.run("stage load\nsleep 2.7")
    assert (await waiting.until("queued"))[-1]["position"] == 1
    await waiting.close()  # out of the queue
    await first.close()  # and off its worker
    last = await connect()
    begun = asyncio.get_running_loop().time()
    await last.run("stage jit")
    assert "queued" not in [message["type"] for message in await last.until("done")]
    assert asyncio.get_running_loop().time() - begun < 1.5


async def test_a_run_instead_of_one_whose_connection_was_lost_ends_that(connect: Connect, service: Service) -> None:
    first = await connect()
    await first.run("stage compile\nsleep 2.9")
    run = (await first.until("stage"))[0]["run"]
    await first.close(LOST)
    second = await connect()
    await second.send(type="run", v=1, request=asked("stage load"), instead=run)
    said = await second.until("done", 2.5)
    assert [message["type"] for message in said if message["type"] != "queued"] == ["accepted", "stage", "done"]


async def test_a_run_that_somebody_watches_is_not_ended_by_another(connect: Connect) -> None:
    first, second = await connect(), await connect()
    await first.run("stage compile\nsleep 0.6")
    run = (await first.until("stage"))[0]["run"]
    await second.send(type="run", v=1, request=asked("stage load"), instead=run)
    await second.until("done")
    assert (await first.until("done"))[-1]["cancelled"] is False


async def test_runs_whose_reader_is_gone_let_others_pass(connect: Connect, service: Service) -> None:
    busy, gone, waiting = [await connect() for _ in range(3)]
    await busy.run("sleep 0.8\nstage load")
    await gone.run("sleep 2.4\nstage load")
    run = (await gone.until("queued"))[0]["run"]
    await gone.close(LOST)
    await waiting.run("stage jit")
    begun = asyncio.get_running_loop().time()
    await waiting.until("done")
    assert asyncio.get_running_loop().time() - begun < 2
    service.replace(run)


async def test_a_run_says_the_same_to_the_first_and_to_the_next(connect: Connect) -> None:
    socket = await connect()
    said = []
    for _ in range(2):
        await socket.run("stage compile\nsteps verify 10")
        said.append([{**message, "run": ""} for message in await socket.until("done") if message["type"] != "queued"])
    assert json.dumps(said[0]) == json.dumps(said[1])
