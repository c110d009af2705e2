"""/healthz, /readyz and /metrics: answered in the event loop, so that they wait for neither a worker nor a page.

Only the database is asked in a thread, one that does nothing else, and for a bounded time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection
from django.http.request import split_domain_port, validate_host

from playground import disk, metrics
from playground.clients import scope_client
from playground.connections import connections
from playground.jobs import service
from playground.models import Link

DATABASE_SECONDS: Final = 1.0
JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_thread: Final = ThreadPoolExecutor(1, thread_name_prefix="status")
_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
}

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Answer(NamedTuple):
    """An HTTP answer: its status, its type and its body."""

    status: int
    type: str
    body: bytes


def _links() -> bool:
    try:
        Link.objects.only("pk").first()
    except DatabaseError:
        return False
    finally:
        connection.close()
    return True


async def _links_in_time() -> bool:
    asked = asyncio.get_running_loop().run_in_executor(_thread, _links)
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await asyncio.shield(asked)
    except TimeoutError:
        return False


def value(links: bool) -> dict[str, Any]:
    """The JSON of /healthz. links -- whether links can be read"""
    problems = [] if links else ["links cannot be read"]
    free = disk.free() >> 20
    if free < settings.DISK_FREE_MB:
        problems.append(f"only {free} MiB of disk are free")
    here = service.current()
    status = here.pool.status() if here else None
    if status and status["error"]:
        problems.append(status["error"])
    return {
        "ok": not problems,
        "problems": problems,
        "workers": {name: status[name] for name in ("size", "idle", "running")} if status else None,
        "queue": {"length": status["queued"], "most": status["queue_length"]} if status else None,
        "sandbox": here.pool.about.get("sandbox") if here else None,
        "disk_free_mb": free,
        "links": links,
    }


def _json(found: dict[str, Any], ok: bool) -> Answer:
    return Answer(200 if ok else 503, JSON_TYPE, json.dumps(found).encode())


async def healthz() -> Answer:
    """Whether the server is well."""
    found = value(await _links_in_time())
    return _json(found, found["ok"])


async def readyz() -> Answer:
    """Whether new visitors should be sent here: it is well, a worker has come up, and it is not being stopped."""
    found = value(await _links_in_time())
    here = service.current()
    problems = [*found["problems"]]
    if here is None or not here.pool.about:
        problems.append("no worker is up yet")
    elif here.closing:
        problems.append("the server is being stopped")
    return _json({"ready": not problems, "problems": problems}, not problems)


async def prometheus() -> Answer:
    """Counters and gauges in Prometheus' text format."""
    here = service.current()
    if here is not None:
        status = here.pool.status()
        metrics.queue_length.set(status["queued"])
        for state in ("idle", "running"):
            metrics.workers.labels(state).set(status[state])
        metrics.worker_memory.set(status.get("memory", 0))
        metrics.worker_files.set(status.get("files", 0))
        sandbox = here.pool.about.get("sandbox") or {"active": [], "missing": []}
        for layer in sandbox["active"]:
            metrics.layers.labels(layer).set(1)
        for layer, _ in sandbox["missing"]:
            metrics.layers.labels(layer).set(0)
    metrics.connections.set(connections.count)
    metrics.disk_free.set(disk.free())
    return Answer(200, TEXT_TYPE, metrics.text())


PATHS: Final[Mapping[str, Callable[[], Awaitable[Answer]]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": prometheus,
}


def may_read_metrics(scope: Mapping[str, Any]) -> bool:
    """Whether the request comes from an address of METRICS_FROM."""
    name = scope_client(scope).name
    try:
        address = ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
    return any(
        address.version == allowed.version and address.subnet_of(allowed)  # type: ignore[arg-type]
        for allowed in (ipaddress.ip_network(each, strict=False) for each in settings.METRICS_FROM)
    )


async def application(scope: Mapping[str, Any], send: Send) -> None:
    """Answer a request for one of PATHS."""
    host = next((text.decode("latin-1") for name, text in scope["headers"] if name == b"host"), "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        found = Answer(400, JSON_TYPE, b'{"error": "This server does not answer for this host: see ALLOWED_HOSTS."}')
    elif scope["method"] not in ("GET", "HEAD"):
        found = Answer(405, JSON_TYPE, b'{"error": "Use GET."}')
    elif scope["path"] == "/metrics" and not may_read_metrics(scope):
        found = Answer(403, JSON_TYPE, b'{"error": "These figures are for the operator: see METRICS_FROM."}')
    else:
        found = await PATHS[scope["path"]]()
    headers = {"content-type": found.type, "content-length": str(len(found.body)), **_HEADERS}
    lines = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": found.status, "headers": lines})
    await send({"type": "http.response.body", "body": found.body if scope["method"] == "GET" else b""})
