"""Windows of steps that are kept as blocks: workers read them, and nobody waits for them or because of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from playground.jobs import service as services
from playground.jobs.queue import Busy, Client
from playground.jobs.run import Run
from playground.jobs.service import Service
from playground.requests import check_request
from tests.playground.conftest import LOST, Socket, asked, kept
from tests.playground.test_pool import until, warm

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]


async def window(socket: Socket, first: int, to: int, timeout: float = 10) -> dict[str, Any]:
    await socket.send(type="window", stage="verify", **{"from": first, "to": to})
    return await socket.receive(timeout)


async def ran(connect: Connect, source: str) -> Socket:
    socket = await connect()
    await socket.run(source)
    await socket.until("done")
    return socket


@pytest.mark.parametrize("first", [0, 512, 4000, 9900])
async def test_a_window_of_blocks_is_answered_by_a_worker(connect: Connect, first: int) -> None:
    socket = await ran(connect, "program\nblocks 10000")
    steps = await window(socket, first, first + 10)
    assert steps["type"] == "steps" and steps["total"] == 10000
    assert steps["steps"][first - steps["from"]] == {"insn": first}


async def test_a_window_is_answered_while_all_workers_run_programs(connect: Connect) -> None:
    socket = await ran(connect, "program\nblocks 10000")
    busy = await connect()
    await busy.run("sleep 2.5\nstage one")
    await asyncio.sleep(0.2)
    start = time.monotonic()
    assert (await window(socket, 512, 522))["type"] == "steps"
    assert time.monotonic() - start < 1.5
    assert (await busy.until("done"))[-1]["cancelled"] is False


async def test_windows_without_end_hold_up_neither_runs_nor_the_windows_of_others(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await warm(service)
    clients = (Client(f"192.0.2.{n}") for n in range(1000))
    # Each reader has an address of its own: what bounds one address does not help here.
    monkeypatch.setattr("playground.consumers.run.scope_client", lambda scope: next(clients))
    readers = [await ran(connect, "program sleep 0.1\nblocks 10000") for _ in range(8)]
    stop = False

    async def read(socket: Socket) -> None:
        while not stop:
            assert (await window(socket, 512, 522))["type"] == "steps"

    tasks = [asyncio.create_task(read(socket)) for socket in readers]
    try:
        await asyncio.sleep(0.3)
        for n in range(4):
            socket, start = await connect(), time.monotonic()
            await socket.run(f"stage flooded{n}")
            await socket.until("done")
            assert time.monotonic() - start < 1
    finally:
        stop = True
        await asyncio.gather(*tasks)


async def test_one_address_reads_one_window_at_a_time(service: Service, connect: Connect) -> None:
    pool = await warm(service)
    readers = [await ran(connect, "program sleep 0.2\nblocks 10000") for _ in range(4)]
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, len(pool._reads) + sum(run.ahead for run in pool._busy))
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(window(socket, 512, 522) for socket in readers))
    looking.cancel()
    assert most == 1


async def test_reads_do_not_make_a_worker_due(service: Service, connect: Connect) -> None:
    socket = await ran(connect, "program\nblocks 10000")
    pool = await warm(service)
    jobs, runs = (sum(getattr(worker, name) for worker in pool._idle) for name in ("jobs", "runs"))
    for n in range(1, 6):
        assert (await window(socket, 512 * n, 512 * n + 10))["type"] == "steps"
    await warm(service)
    assert sum(worker.jobs for worker in pool._idle) == jobs + 5
    assert sum(worker.runs for worker in pool._idle) == runs


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("program damaged\nblocks 600", "is damaged"),
        ("blocks 600", "is damaged"),  # no program
        ("program\nsteps verify 256\nblock verify 256 600 1", "is damaged"),  # chunks and blocks
        ("program\nblock verify 0 600 9", "too large"),
        ("program fail\nblocks 600", "could not be read"),
        ("program crash\nblocks 600", "could not be read"),
        ("program sleep 9\nblocks 600", "could not be read"),
    ],
)
async def test_what_cannot_be_read_is_said_and_what_is_damaged_is_run_again(
    service: Service, connect: Connect, caplog: Any, source: str, sentence: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("playground.jobs.reading.READ_BYTES", 8 << 10)
    socket = await ran(connect, source)
    was_kept = kept(source)
    answer = await window(socket, 200, 300)
    assert (answer["type"], answer.get("code")) == ("error", "window"), answer
    assert sentence in answer["message"]
    assert "a message could not be answered" not in caplog.text
    if was_kept and "damaged" in sentence:
        assert not kept(source)
    # The socket, and the server, go on.
    await socket.run("stage after")
    assert (await socket.until("done"))[-1]["cancelled"] is False


async def test_a_window_that_no_worker_can_read_now_is_refused_with_a_sentence(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await ran(connect, "program\nblocks 600")

    def full(run: Run) -> None:
        raise Busy("The queue is full.", 1, "queue")

    monkeypatch.setattr(service.reads.pool, "submit", full)
    answer = await window(socket, 200, 300)
    assert (answer["type"], answer.get("code")) == ("error", "window"), answer
    assert answer["message"] == "The server is busy; try again in a moment."


async def test_a_client_that_vanishes_in_a_window_is_answered_no_more(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await warm(service)
    socket = await ran(connect, "program sleep 0.3\nblocks 10000")
    for n in range(50):
        await socket.send(type="window", stage="verify", **{"from": 512, "to": 522 + n})
    await asyncio.sleep(0.1)

    def lost(_: Any) -> None:
        raise OSError

    monkeypatch.setattr(socket.communicator.output_queue, "put_nowait", lost)
    await socket.communicator.send_input({"type": "websocket.disconnect", "code": LOST})
    await until(lambda: not pool._busy and not pool._reads, 2)


async def test_windows_leave_no_files(service: Service, connect: Connect) -> None:
    socket = await ran(connect, "program\nblocks 10000")
    for n in range(20):
        await window(socket, 256 * n, 256 * n + 10)
    assert not list((service.store.folder / "part").glob("window.*"))


async def test_a_stored_run_that_is_damaged_is_said_to_be_and_run_again(
    service: Service, connect: Connect, caplog: Any
) -> None:
    source = "stage compile\nsay 1"
    await ran(connect, source)
    service.forget_all()
    path = service.store.path(services.key_of(check_request(asked(source))))
    data = bytearray(path.read_bytes())
    data[-200] ^= 1  # in the longest message
    path.write_bytes(bytes(data))
    socket = await connect()
    await socket.run(source)
    said = await socket.until("done")
    assert "damaged" in next(m for m in said if m["type"] == "error")["message"]
    assert "Traceback" not in caplog.text
    await socket.run(source)
    assert [m["type"] for m in await socket.until("done")] == ["accepted", "stage", "stage", "done"]


async def test_a_log_that_takes_long_holds_up_no_other_message_of_its_socket(connect: Connect) -> None:
    socket = await ran(connect, "program sleep 1.5\nsteps verify 600")
    await socket.send(type="log")
    await asyncio.sleep(0.2)
    start = time.monotonic()
    assert (await window(socket, 300, 310))["type"] == "steps"
    assert time.monotonic() - start < 1
    assert (await socket.receive())["log"] == "whole"


async def value(socket: Socket, step: int, **more: Any) -> dict[str, Any]:
    await socket.send(type="value", step=step, name="r3", **more)
    return await socket.receive()


async def test_a_worker_gets_the_blocks_it_asks_for(connect: Connect) -> None:
    socket = await ran(connect, "program\nblocks 100000")
    near = await value(socket, 5000)
    assert near["heads"] == 25 and {0, 1, 2} <= set(near["blocks"])
    far = await value(socket, 90000)
    assert 0 in far["blocks"] and 90000 // 4096 in far["blocks"] and len(far["blocks"]) < 25
    assert far["ask"]["name"] == "r3" and far["ask"]["frame"] == 0


async def test_a_worker_that_asks_for_ever_has_to_answer_with_what_it_has(connect: Connect) -> None:
    socket = await ran(connect, "program never\nblocks 10000")
    assert (await value(socket, 10))["type"] == "value"


async def test_a_question_that_cannot_be_answered_is_refused_by_name(connect: Connect) -> None:
    socket = await connect()
    assert (await value(socket, 0))["code"] == "unknown_run"
    socket = await ran(connect, "program crash\nblocks 100")
    refused = await value(socket, 0)
    assert refused["code"] == "window" and refused["asked"] == "value"
    for wrong in ({"name": "x9"}, {"name": "r11"}, {"frame": 256}, {"step": -1}, {"stage": "jit"}):
        await socket.send(**{"type": "value", "step": 0, "name": "r3", **wrong})
        assert (await socket.receive())["code"] == "bad_request"
