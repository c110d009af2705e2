"""Visitors of a server: each opens a connection of its own from its own address, and runs one program."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from bench.measures import asm_request
from bench.submit import socket_from


class Ended(NamedTuple):
    """How a submission ended: outcome is a verdict, "busy", or another code; seconds until then."""

    outcome: str
    seconds: float
    retry_after: int = 0


def small_request() -> dict[str, Any]:
    """A program of two instructions that nobody has submitted yet."""
    return asm_request("r0 = 2\nexit\n")


async def submit(opened: ClientConnection, request: dict[str, Any]) -> Ended:
    """Run a program; until its verdict."""
    start = time.perf_counter()
    await opened.send(json.dumps({"type": "run", "v": 1, "request": request}))
    while True:
        message = json.loads(await opened.recv())
        seconds = time.perf_counter() - start
        if message["type"] == "stage" and message["stage"] == "verify" and message["status"] != "working":
            return Ended(str(message.get("verdict") or message["status"]), seconds)
        if message["type"] in ("error", "limit"):
            code = message.get("code") or f"limit {message['limit']}"
            return Ended(str(code), seconds, int(message.get("retry_after", 0)))


async def one(address: str, server: str, request: dict[str, Any]) -> Ended:
    """A visitor: a socket of its own, one run, and away."""
    try:
        async with socket_from(address, server) as opened:
            return await submit(opened, request)
    except (OSError, WebSocketException, TimeoutError) as error:
        return Ended(type(error).__name__, 0.0)


def posted(address: str, server: str, request: dict[str, Any]) -> Ended:
    """The same by HTTP: until the whole answer, with the connection."""
    parts = urlsplit(server)
    start = time.perf_counter()
    found = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60, source_address=(address, 0))
    try:
        found.request("POST", "/api/runs", json.dumps(request), {"Content-Type": "application/json"})
        answer = found.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Ended(type(error).__name__, 0.0)
    finally:
        found.close()
    outcome = {200: "accept", 202: "accept", 503: "busy"}.get(answer.status, f"status {answer.status}")
    return Ended(outcome, time.perf_counter() - start, int(answer.headers.get("Retry-After") or 0))


def p(share: float, values: Sequence[float]) -> float:
    """A percentile."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
