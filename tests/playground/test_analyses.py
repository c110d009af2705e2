"""Questions about a program that take as long as a run: asked and answered beside the run of the socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from playground import metrics
from playground.jobs.service import Service, key_of
from playground.messages import told
from playground.messages.asked import ANALYSES, LAST
from playground.messages.programs import Request
from playground.messages.questions import CompareRequest as Compare
from playground.requests import check_question, check_request
from tests.playground.conftest import Socket, asked

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]


async def test_an_answer_comes_without_a_run_and_is_stored(service: Service, connect: Connect) -> None:
    socket = await connect()
    for _ in range(2):
        await socket.send(type="contents", request=asked("stage one"))
        assert [m["type"] for m in await socket.until("contents")] == ["stage", "contents"]
    asks = service.question("contents", check_request(asked("stage one")), {})
    while service.pool.status()["running"]:  # the answer is sent before it is stored
        await asyncio.sleep(0.02)
    record = service.store.find(key_of(asks))
    assert record is not None
    record.close()


async def test_the_run_of_the_socket_goes_on(connect: Connect) -> None:
    socket = await connect()
    await socket.run("sleep 0.3\nstage two")
    await socket.send(type="contents", request=asked("stage three"))
    said = await socket.until("contents")
    assert "done" in {m["type"] for m in said} and not any(m["type"] == "error" for m in said)


async def test_a_question_that_fails_says_so_and_which_it_was(connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="contents", request=asked("bad_input It is damaged."))
    error = (await socket.until("error"))[-1]
    assert error == {"type": "error", "code": "analysis", "asked": "contents", "message": "It is damaged."}


async def test_one_that_takes_too_long_is_stopped(connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="contents", request=asked("sleep 30"))
    error = (await socket.until("error", 15))[-1]
    assert error["code"] == "analysis" and "second" in error["message"]


async def test_a_second_question_of_the_same_kind_stops_the_first(service: Service, connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="contents", request=asked("sleep 2.9\nstage four"))
    await asyncio.sleep(0.2)
    await socket.send(type="contents", request=asked("stage five"))
    said = await socket.until("contents")
    assert [m.get("stage") for m in said] == ["five", None]


async def test_what_stands_beside_the_program_is_checked_too(connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="compare", request=asked("stage one"), other=asked(""))
    error = await socket.receive()
    assert error["code"] == "bad_request" and "no source" in error["message"]
    await socket.send(type="settings", request=asked("stage one"), values={"n": [1]})
    error = await socket.receive()
    assert error["code"] == "bad_request" and "at most 64 texts" in error["message"]


async def test_questions_that_differ_beside_the_program_are_different() -> None:
    sides = [Request(kind="asm", source=f"r0 = {n}") for n in range(2)]
    one = check_question(Compare(type="compare", request=sides[0], other=sides[1]))
    assert one["other"]["source"] == "r0 = 1" and one["other"]["options"]["mcpu"] == "v3"
    asks = {"kind": "compare", "request": check_request(asked("stage one"))}
    assert key_of({**asks, **one}) != key_of({**asks, "other": check_request(asked("stage two"))})


async def test_a_wrong_request_is_refused(connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="contents", request=asked(""))
    error = await socket.receive()
    assert error["code"] == "bad_request" and "no source" in error["message"]
    await socket.send(type="contents")
    assert (await socket.receive())["code"] == "bad_request"


async def test_a_question_is_stopped_and_its_worker_is_free(service: Service, connect: Connect) -> None:
    socket = await connect()
    await socket.send(type="real", request=asked("stage begun\nsleep 30"))
    await socket.until("stage")
    await socket.send(type="stop", asked="real")
    error = (await socket.until("error", 5))[-1]
    assert (error["code"], error["asked"], error["message"]) == ("analysis", "real", "This was stopped.")
    await socket.send(type="stop", asked="real")  # it is over: nothing is said
    await socket.send(type="stop", asked="window")
    await socket.send(type="contents", request=asked("stage after"))
    assert [m["type"] for m in await socket.until("contents")] == ["stage", "contents"]


async def test_real_kernels_are_asked_anew_or_only_for_what_is_stored(connect: Connect) -> None:
    socket = await connect()
    told: list[Any] = []
    for take in ("stored", "any", "any", "stored", "new", "any"):
        await socket.send(type="real", request=asked("stage real"), take=take, shell="ls")
        said = await socket.until("error" if not told else "real_done")
        told.append(said[-1].get("lost", said[-1].get("message")))
        await asyncio.sleep(0.1)  # stored once the worker is done with it
    missing, first, again, stored, anew, last = told
    assert "no longer stored" in str(missing)
    assert first == again == stored != anew == last


async def test_a_difference_from_the_real_kernel_is_an_alarm(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await connect()
    counts = []
    for kernel in ("none", "verdict", "verdict"):  # the last one is answered from what is stored
        await socket.send(type="matrix", request=asked("stage alarm"), kernels=[kernel])
        await socket.until("cells_done")
        await asyncio.sleep(0.1)
        counts.append(metrics.differences._value.get())
    assert counts[1] == counts[0] + 1 == counts[2]
    said = [record.getMessage() for record in caplog.records if "the emulation differs" in record.getMessage()]
    assert said == ["the emulation differs from Linux 6.12.117 in verdict: 'accept', not 'reject'"]


async def test_only_a_question_about_the_input_is_another_one_with_another_input(service: Service) -> None:
    plain, packet = (
        check_request({**asked("stage one"), "input": given})
        for given in ({"kind": "auto"}, {"kind": "packet", "hex": "00"})
    )
    for kind in ANALYSES:
        same = key_of(service.question(kind, plain, {})) == key_of(service.question(kind, packet, {}))
        assert same == (kind != "real")
    assert "take" not in service.question("matrix", plain, {"take": "stored"})


async def test_an_answer_is_kept_also_if_the_client_leaves_with_its_last_message(service: Service) -> None:
    """As the page does that steps a recording: its next run takes the place of the question."""
    assert set(LAST) == set(ANALYSES) and set(LAST.values()) <= set(told.TYPES)
    request = check_request(asked("stage one"))
    texts = service.analysis("contents", request, more={"linger": 1})
    async for text in texts:
        if json.loads(text)["type"] == "contents":
            break
    await texts.aclose()
    question = service.question("contents", request, {"linger": 1})
    while service.pool.status()["running"]:
        await asyncio.sleep(0.02)
    assert service.stored(question)
