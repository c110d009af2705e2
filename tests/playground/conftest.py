"""A pool with the fake job, and a socket to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from django.core.cache import cache

from playground.jobs import service as services
from playground.jobs.service import Service
from tests.playground.communicator import WebsocketCommunicator


def asked(source: str, **more: Any) -> dict[str, Any]:
    """A request whose source tells the fake job what to do."""
    return {"kind": "asm", "source": source, "options": {}, "input": {"kind": "none"}, **more}


class Socket:
    """A client of the run socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.hello: dict[str, Any] = {}

    async def send(self, **message: Any) -> None:
        await self.communicator.send_to(text_data=json.dumps(message))

    async def run(self, source: str, **more: Any) -> None:
        await self.send(type="run", v=1, request=asked(source, **more))

    async def receive(self, timeout: float = 10) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.communicator.receive_from(timeout))
        return message

    async def until(self, kind: str, timeout: float = 20) -> list[dict[str, Any]]:
        """Everything up to the next message of this type, which is the last."""
        said = [await self.receive(timeout)]
        while said[-1]["type"] != kind:
            said.append(await self.receive(timeout))
        return said

    async def close(self) -> None:
        await self.communicator.disconnect()


@pytest.fixture
async def service(settings: Any) -> AsyncIterator[Service]:
    """One worker with the fake job and small limits; nothing stored from before."""
    settings.JOB_FUNCTION = "tests.playground.fake_job:run_job"
    settings.WORKERS = 1
    settings.JOB_SECONDS = 3
    settings.JOB_CPU_SECONDS = 2
    settings.JOB_MEMORY_MB = 512
    settings.JOB_OUTPUT_MB = 4
    settings.JOB_FILE_MB = 2
    here = services.service()
    assert await here.pool.ready(20)
    yield here
    await services.close()
    for path in services.store().folder.rglob("*.run"):
        path.unlink()


@pytest.fixture
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
