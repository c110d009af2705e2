"""/ws/run: docs/protocol.md as a client sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from playground.jobs import service as services
from playground.jobs.pool import Pool
from playground.jobs.service import Service
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import LOST, Socket, kept

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]


def types(said: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in said]


async def test_says_hello_then_runs_to_done(connect: Connect) -> None:
    socket = await connect()
    assert socket.hello["type"] == "hello"
    assert socket.hello["v"] == 1
    assert socket.hello["limits"]["source_bytes"] == 64 << 10
    await socket.run("stage compile\nstage load")
    said = await socket.until("done")
    assert types(said) == ["accepted", "stage", "stage", "done"]
    assert set(said[0]) == {"type", "run"}
    assert [message["stage"] for message in said[1:3]] == ["compile", "load"]
    assert said[-1]["cancelled"] is False


async def test_the_same_request_again_is_answered_from_the_store_within_20_ms(connect: Connect) -> None:
    first, second = await connect(), await connect()
    await first.run("stage compile\nsleep 0.3\nsteps verify 600")
    before = await first.until("done")
    start = time.perf_counter()
    await second.run("stage compile\nsleep 0.3\nsteps verify 600")
    after = await second.until("done")
    took = time.perf_counter() - start
    assert after[0].keys() == before[0].keys()  # nothing tells that somebody has run the same before
    assert after[1]["pid"] == before[1]["pid"]
    # what was said while it went on came with progress; stored, the total comes at once
    assert [m for m in after[1:] if m["type"] != "progress"] == [m for m in before[1:] if m["type"] != "progress"]
    assert took < 0.1  # 20 ms on a quiet machine: bench measures it


async def test_sends_the_first_chunk_and_says_how_many_there_are(connect: Connect) -> None:
    socket = await connect()
    await socket.run("steps verify 200000\nstage verify\nsteps run 300\nsteps run 300 1\nstage run")
    said = await socket.until("done")
    chunks = [message for message in said if message["type"] == "steps"]
    assert [(chunk["stage"], chunk["from"], len(chunk["steps"])) for chunk in chunks] == [
        ("verify", 0, 256),
        ("run", 0, 256),
    ]
    last = [m for m in said if m["type"] == "progress" and m["stage"] == "verify"][-1]
    assert last["total"] == 200000
    assert said.index(last) < next(n for n, m in enumerate(said) if m["type"] == "stage")
    await socket.send(type="window", stage="verify", **{"from": 150000, "to": 150010})
    window = await socket.receive()
    assert window["from"] <= 150000 and window["from"] + len(window["steps"]) >= 150010
    assert window["steps"][150003 - window["from"]] == {"insn": 150003}
    await socket.send(type="window", stage="run", run=1, **{"from": 260, "to": 280})
    assert (await socket.receive())["run"] == 1


async def test_a_window_across_chunks_comes_as_whole_chunks(connect: Connect) -> None:
    socket = await connect()
    await socket.run("steps verify 1000")
    await socket.until("done")
    await socket.send(type="window", stage="verify", **{"from": 200, "to": 600})
    assert [(await socket.receive())["from"] for _ in range(3)] == [0, 256, 512]


async def test_a_window_past_the_end_says_so(connect: Connect) -> None:
    socket = await connect()
    await socket.run("steps verify 10")
    await socket.until("done")
    await socket.send(type="window", stage="verify", **{"from": 10, "to": 20})
    answer = await socket.receive()
    assert (answer["steps"], answer["total"], answer["from"]) == ([], 10, 10)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"type": "window", "stage": "verify", "from": 0, "to": 5}, "no run yet"),
        ({"type": "resume", "run": "a" * 32 + "-1"}, "no longer stored"),
        ({"type": "resume", "run": {"a": 1}}, "no longer stored"),
        ({"type": "resume", "run": "../../../../etc/passwd"}, "no longer stored"),
        ({"type": "shout"}, "type has to be one of"),
        ({"type": ["run"]}, "type has to be one of"),
        ({"type": "run", "v": 2, "request": {}}, "reload the page"),
        ({"type": "run", "v": 1, "request": []}, "has to be an object"),
        ({"type": "run", "v": 1, "request": {"kind": "c", "source": " \n"}}, "There is no source"),
        ({"type": "run", "v": 1, "request": {"kind": "c", "source": "a" * 100_000}}, "at most 65,536 bytes"),
        ({"type": "run", "v": 1, "request": {"kind": "c", "source": "a" * (1 << 20)}}, "may have 131,072 bytes"),
        ({"type": "run", "v": 1, "request": {"kind": "c", "source": "é" * (80 << 10)}}, "may have 131,072 bytes"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(
    connect: Connect, message: dict[str, Any], sentence: str
) -> None:
    socket = await connect()
    await socket.send(**message)
    answer = await socket.receive()
    assert answer["type"] == "error"
    assert sentence in answer["message"]
    await socket.run("stage load")  # and the socket goes on
    assert types(await socket.until("done"))[0] == "accepted"


@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, "null", '"run"', "[1]"])
async def test_what_is_no_message_is_said_to_be_none(connect: Connect, text: str) -> None:
    socket = await connect()
    await socket.communicator.send_to(text_data=text)
    assert (await socket.receive())["code"] == "bad_request"


async def test_bytes_are_refused_with_a_sentence(connect: Connect) -> None:
    socket = await connect()
    await socket.communicator.send_to(bytes_data=b"\x00")
    assert "text frames" in (await socket.receive())["message"]


async def test_a_message_too_long_gets_a_sentence(connect: Connect, settings: Any) -> None:
    settings.MESSAGE_BYTES = 1000
    socket = await connect()
    await socket.run("x" * 2000)
    assert (await socket.receive())["code"] == "size"


async def test_a_lost_connection_goes_on_where_it_was(connect: Connect) -> None:
    first = await connect()
    await first.run("stage compile\nsleep 1\nstage load")
    run_id = (await first.until("stage"))[0]["run"]
    await first.close(LOST)
    second = await connect()
    await second.send(type="resume", run=run_id)
    said = await second.until("done")
    assert said[0] == {"type": "accepted", "run": run_id}
    assert [message.get("stage") for message in said[1:3]] == ["compile", "load"]


async def test_a_finished_run_is_resumed_after_a_restart(connect: Connect, service: Service) -> None:
    first = await connect()
    await first.run("stage compile\nsteps verify 300")
    run_id = (await first.until("done"))[0]["run"]
    await services.close()
    second = await connect()
    await second.send(type="resume", run=run_id)
    assert types(await second.until("done"))[:2] == ["accepted", "stage"]


async def test_a_client_that_has_the_whole_run_gets_nothing_again(connect: Connect) -> None:
    first = await connect()
    await first.run("stage compile\nsteps verify 300")
    run_id = (await first.until("done"))[0]["run"]
    second = await connect()
    await second.send(type="resume", run=run_id, whole=True)
    assert await second.receive() == {"type": "accepted", "run": run_id}
    await second.send(type="window", stage="verify", **{"from": 10, "to": 20})
    assert (await second.receive())["type"] == "steps"


async def test_of_a_run_that_goes_on_all_is_sent_again(connect: Connect) -> None:
    first = await connect()
    await first.run("stage compile\nsleep 1\nstage load")
    run_id = (await first.until("stage"))[0]["run"]
    await first.close(LOST)
    second = await connect()
    await second.send(type="resume", run=run_id, whole=True)
    assert types(await second.until("done")) == ["accepted", "stage", "stage", "done"]


async def test_cancel_stops_the_run_and_the_next_one_works(connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage compile\nsleep 2.5")
    pid = (await socket.until("stage"))[-1]["pid"]
    await socket.send(type="cancel")
    assert (await socket.until("done"))[-1]["cancelled"] is True
    await socket.run("stage load")
    said = await socket.until("stage")
    assert said[-1]["pid"] != pid
    assert not os.path.exists(f"/proc/{pid}/exe")


async def test_a_second_run_takes_the_place_of_the_first(connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage compile\nsleep 2.5\nstage jit")
    await socket.until("stage")
    await socket.run("stage load")
    said = await socket.until("done")
    assert [message.get("stage") for message in said if message["type"] == "stage"] == ["load"]


async def test_two_tabs_run_two_programs(connect: Connect) -> None:
    first, second = await connect(), await connect()
    await first.run("sleep 0.5\nstage compile")
    await second.run("stage load")
    assert (await first.until("done"))[-2]["stage"] == "compile"
    said = await second.until("done")
    assert said[-2]["stage"] == "load"


async def test_who_waits_is_told_the_place(connect: Connect) -> None:
    sockets = [await connect() for _ in range(3)]
    for number, socket in enumerate(sockets):
        await socket.run(f"sleep 0.{number + 4}\nstage load")
        await asyncio.sleep(0.05)
    said = await sockets[2].until("done")
    assert [message["position"] for message in said if message["type"] == "queued"] == [2, 1]


async def test_a_full_queue_says_busy_and_loses_nobody(
    connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(service.pool, Pool)
    monkeypatch.setattr(service.pool._queue, "length", 1)
    sockets = [await connect() for _ in range(3)]
    for number, socket in enumerate(sockets):
        await socket.run(f"sleep 0.{number + 3}\nstage load")
        await asyncio.sleep(0.05)
    refused = await sockets[2].until("error")
    assert refused[-1]["code"] == "busy" and refused[-1]["retry_after"] >= 1
    assert (await sockets[1].until("done"))[-2]["type"] == "stage"


async def test_the_same_request_from_two_tabs_runs_once(connect: Connect) -> None:
    first, second = await connect(), await connect()
    for socket in (first, second):
        await socket.run("sleep 0.3\nstage load")
    one, two = await first.until("done"), await second.until("done")
    assert one[0]["run"] == two[0]["run"]


async def test_a_worker_killed_in_the_middle_is_told_and_the_next_run_works(connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage compile\nsleep 2.5")
    pid = (await socket.until("stage"))[-1]["pid"]
    os.kill(pid, signal.SIGKILL)
    said = await socket.until("done")
    assert said[-2]["type"] == "error" and said[-2]["code"] == "crashed"
    assert "press Run again" in said[-2]["message"]
    await socket.run("stage compile")
    assert types(await socket.until("done")) == ["accepted", "stage", "done"]


async def test_a_crash_is_never_the_stored_answer(connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage load\ncrash")
    said = await socket.until("done")
    assert said[-2]["code"] == "crashed"
    assert not kept("stage load\ncrash")


@pytest.mark.parametrize("origin", [None, b"http://elsewhere.example", b"null", b"http://localhost.elsewhere.example"])
@pytest.mark.django_db(transaction=True)
async def test_other_sites_are_refused(service: Service, origin: bytes | None) -> None:
    from playground.routing import websocket

    headers = [(b"origin", origin)] if origin is not None else []
    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=headers)
    connected = await communicator.connect()
    assert not connected


async def test_an_address_has_only_so_many_sockets(connect: Connect, settings: Any) -> None:
    settings.SOCKETS_PER_ADDRESS = 1
    first = await connect()
    from playground.routing import websocket

    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost")])
    await communicator.connect()
    assert (await communicator.receive_output())["code"] == 4029
    await communicator.disconnect()
    await first.close()
    await connect()


async def test_a_reader_that_takes_nothing_holds_nothing_in_memory(connect: Connect, service: Service) -> None:
    socket = await connect()
    await socket.run("steps verify 100000\nstage verify")
    await asyncio.sleep(1.5)
    run = next(iter(service._by_id.values()))
    assert len(run.record.entries) < 500  # an index of chunks, not steps
    assert json.loads(run.record.text(run.record.entries[-2]))["type"] in ("stage", "steps")
