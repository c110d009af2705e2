"""A pool with the fake job, and a socket to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from django.core.cache import cache
from django.test import override_settings

from playground.jobs import service as services
from playground.jobs.service import Service
from playground.requests import check_request
from tests.playground.communicator import WebsocketCommunicator

LOST = 1006
"""The code of a connection that ended without a word."""


def asked(source: str, **more: Any) -> dict[str, Any]:
    """A request whose source tells the fake job what to do."""
    return {"kind": "asm", "source": source, "options": {}, "input": {"kind": "none"}, **more}


def kept(source: str) -> bool:
    """Whether the answer to that request is stored for the next who asks."""
    record = services.store().find(services.key_of(check_request(asked(source))))
    if record is not None:
        record.close()
    return record is not None


class Socket:
    """A client of the run socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.hello: dict[str, Any] = {}

    async def send(self, **message: Any) -> None:
        await self.communicator.send_to(text_data=json.dumps(message))

    async def run(self, source: str, **more: Any) -> None:
        await self.send(type="run", v=1, request=asked(source, **more))

    async def receive(self, timeout: float = 30) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.communicator.receive_from(timeout))
        return message

    async def until(self, kind: str, timeout: float = 60) -> list[dict[str, Any]]:
        """Everything up to the next message of this type, which is the last."""
        said = [await self.receive(timeout)]
        while said[-1]["type"] != kind:
            said.append(await self.receive(timeout))
        return said

    async def close(self, code: int = 1000) -> None:
        await self.communicator.disconnect(code)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _workers() -> AsyncIterator[None]:
    """One worker with the fake job and small limits, for the tests of one file."""
    with override_settings(
        JOB_FUNCTION="tests.playground.fake_job:run_job",
        WORKERS=1,
        JOB_SECONDS=3,
        JOB_CPU_SECONDS=0.5,
        JOB_MEMORY_MB=512,
        JOB_OUTPUT_MB=1,
        JOB_FILE_MB=2,
    ):
        yield
        await services.close()


@pytest_asyncio.fixture(loop_scope="module")
async def service(_workers: None) -> Service:
    """The service, a worker warm, and nothing stored from before."""
    here = services.service()
    here.forget_all()
    for path in services.store().folder.rglob("*.run"):
        path.unlink()
    assert await here.pool.ready(60)
    return here


@pytest_asyncio.fixture(loop_scope="module")
async def connect(service: Service) -> AsyncIterator[Callable[[], Awaitable[Socket]]]:
    from playground.routing import websocket

    opened: list[Socket] = []

    async def make() -> Socket:
        communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost:8000")])
        connected = await communicator.connect()
        assert connected
        socket = Socket(communicator)
        opened.append(socket)
        socket.hello = await socket.receive()
        return socket

    yield make
    for socket in opened:
        await socket.close()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    cache.clear()
