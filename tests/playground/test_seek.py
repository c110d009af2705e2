"""Searches in the steps of a run: a worker is given what it needs, for a limited time, and the answer says how far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.playground.conftest import Socket
from tests.playground.test_windows import ran

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]
INSN = [{"kind": "insn", "insns": [3]}]
VALUE = [{"kind": "condition", "text": "r0 == 0"}]


async def seek(
    socket: Socket, at: int, direction: int, stops: list[dict[str, Any]], more: Any = None
) -> dict[str, Any]:
    given = {"type": "seek", "id": 5, "stage": "verify", "from": at, "direction": direction, "stops": stops}
    await socket.send(**{**given, **(more or {})})
    return await socket.receive()


async def test_visits_are_searched_in_outlines_only_and_at_once(connect: Connect) -> None:
    socket = await ran(connect, "program\noutlines 10000\nblocks 10000")
    found = await seek(socket, 12, 1, INSN)
    problems = [{"stop": 0, "column": 0, "message": "13-10000"}]
    assert found == {
        "type": "found", "id": 5, "step": 7000, "stop": 0, "at": 9999, "more": False, "problems": problems,
    }  # fmt: skip
    found = await seek(socket, 7000, -1, INSN)
    assert (found["step"], found["at"], found["more"]) == (None, 0, False)
    assert found["problems"][0]["message"] == "0-7000"


async def test_values_are_searched_in_blocks_nearby_ones_first(connect: Connect) -> None:
    socket = await ran(connect, "program\noutlines 10000\nblocks 10000")
    found = await seek(socket, 10, 1, VALUE)
    # The first block has steps 0 to 4095; then there are as many as are needed.
    assert (found["step"], found["problems"][0]) == (7000, {"stop": 0, "column": 2, "message": "4096-10000"})
    found = await seek(socket, 9000, -1, VALUE)
    assert (found["step"], found["problems"][0]) == (None, {"stop": 0, "column": 2, "message": "0-8192"}) or (
        found["step"] == 7000
    )
    found = await seek(socket, 9999, 1, VALUE)
    assert (found["step"], found["at"], found["more"]) == (None, 9999, False)


async def test_a_search_in_values_stops_after_a_time_and_goes_on_when_asked(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.jobs.reading.SEEK_MS", 100)
    monkeypatch.setattr("playground.jobs.reading.SEEK_BLOCKS", (1,))
    socket = await ran(connect, "program sleep 0.2\noutlines 20000\nblocks 20000")
    found = await seek(socket, 8000, 1, VALUE)
    assert (found["step"], found["at"], found["more"]) == (None, 8191, True)
    found = await seek(socket, found["at"], 1, VALUE)
    assert (found["step"], found["at"], found["more"]) == (None, 12287, True)
    found = await seek(socket, 20000, -1, VALUE)
    assert (found["step"], found["at"], found["more"]) == (None, 16384, True)


async def test_of_a_walk_without_steps_nothing_is_found(connect: Connect) -> None:
    socket = await ran(connect, "program sleep 0\noutlines 0\nblocks 0")
    socket = await ran(connect, "stage one")
    assert (await seek(socket, 0, 1, INSN))["type"] in ("found", "error")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"stage": "jit"}, "The stage of a search must be verify or run."),
        ({"direction": 2}, "The direction of a search must be 1 or -1."),
        ({"from": -2}, "The step of a search must be a number from -1."),
        ({"stops": [{"kind": "insn", "insns": ["x"]}]}, "The stops of a search have to be"),
        ({"stops": [{"kind": "luck"}]}, "The stops of a search have to be"),
        ({"stops": [{"kind": "change", "name": "r3; drop"}]}, "The stops of a search have to be"),
        ({"stops": [{"kind": "condition", "text": "r" * 201}]}, "The stops of a search have to be"),
        ({"stops": [{"kind": "prune"}] * 65}, "The stops of a search have to be"),
        ({"steps": 1}, "steps"),
    ],
)
async def test_what_no_search_is_is_refused(connect: Connect, wrong: dict[str, Any], sentence: str) -> None:
    socket = await ran(connect, "program\noutlines 600\nblocks 600")
    told = await seek(socket, 0, 1, INSN, wrong)
    assert (told["type"], told["code"]) == ("error", "bad_request")
    assert sentence in told["message"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("program damaged\noutlines 600\nblocks 600", "is damaged"),
        ("program\noutlines 600\nblock verify 0 600 9", "too long"),
        ("program crash\noutlines 600\nblocks 600", "could not be read"),
    ],
)
async def test_what_cannot_be_searched_is_said(
    connect: Connect, source: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.jobs.reading.READ_BYTES", 8 << 10)
    socket = await ran(connect, source)
    told = await seek(socket, 0, 1, VALUE)
    assert (told["type"], told["code"], told["asked"]) == ("error", "window", "seek")
    assert sentence in told["message"]
