"""Connections that are closed while their client still sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio

from playground import lingering
from playground.lingering import AT_ONCE, BYTES, Lingering

pytestmark = pytest.mark.asyncio


class Transport:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.done.append(name)

    def is_closing(self) -> bool:
        return "close" in self.done


@pytest_asyncio.fixture(autouse=True)
async def none_is_left() -> AsyncIterator[None]:
    yield
    for each in list(lingering._ending):
        each.end()


def made(*, whole: bool = False) -> tuple[Lingering, Transport]:
    transport = Transport()
    return Lingering(cast(asyncio.Transport, transport), lambda: whole), transport


async def test_a_whole_request_is_not_waited_for() -> None:
    each, transport = made(whole=True)
    each.close()
    assert transport.done == ["close"]
    assert not each.ending


async def test_the_answer_goes_out_and_what_comes_is_dropped_up_to_a_size() -> None:
    each, transport = made()
    each.close()
    each.close()
    assert transport.done == ["resume_reading", "write_eof"]
    assert each.is_closing()
    each.write(b"another answer")
    each.drop(bytes(BYTES))
    assert "close" not in transport.done and "write" not in transport.done
    each.drop(b"x")
    assert transport.done[-1] == "close"
    assert not each.ending


async def test_a_client_that_sends_nothing_more_is_waited_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 0.01)
    each, transport = made()
    each.close()
    for _ in range(3000):
        if transport.is_closing():
            break
        await asyncio.sleep(0.01)
    assert transport.done[-1] == "close"


async def test_so_many_at_the_same_time() -> None:
    for _ in range(AT_ONCE):
        made()[0].close()
    each, transport = made()
    each.close()
    assert transport.done == ["close"]
    next(iter(lingering._ending)).end()
    each, transport = made()
    each.close()
    assert "close" not in transport.done
