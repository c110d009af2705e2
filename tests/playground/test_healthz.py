"""/healthz, /readyz and /metrics: true without waiting."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import namedtuple
from typing import Any, NamedTuple

import pytest
from asgiref.sync import sync_to_async

from playground import metrics, status
from playground.config.logs import JsonFormatter
from playground.jobs.pool import Pool
from playground.jobs.service import Service
from tests.playground.conftest import asked

asynchronous = pytest.mark.asyncio(loop_scope="module")
database = pytest.mark.django_db(transaction=True)


class Said(NamedTuple):
    """An answer of the ASGI application."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def get(path: str, *, client: str = "127.0.0.1", host: str = "localhost", method: str = "GET") -> Said:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"method": method, "path": path, "client": (client, 1), "headers": [(b"host", host.encode())]}
    await status.application(scope, send)
    headers = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    return Said(sent[0]["status"], headers, sent[1]["body"])


@database
@asynchronous
async def test_is_well(service: Service) -> None:
    answer = await get("/healthz")
    assert answer.status == 200 and answer.json["ok"] is True and answer.json["links"] is True
    assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
    assert (await get("/healthz", method="HEAD")).body == b""
    assert (await get("/healthz", method="POST")).status == 405
    assert (await get("/healthz", host="evil.example")).status == 400


@database
@asynchronous
async def test_low_disk_is_ill(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1 << 40, 1 << 40, 100 << 20))
    answer = await get("/healthz")
    assert answer.status == 503
    assert answer.json["problems"] == ["only 100 MiB of disk are free"]


@database
@asynchronous
async def test_a_server_that_stops_is_not_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await service.pool.ready(20)
    assert (await get("/readyz")).json == {"ready": True, "problems": []}
    monkeypatch.setattr(service, "closing", True)
    answer = await get("/readyz")
    assert answer.status == 503 and answer.json["problems"] == ["the server is being stopped"]
    assert (await get("/healthz")).status == 200


@database
@asynchronous
async def test_a_database_that_hangs_does_not_hang_the_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs() -> bool:
        time.sleep(2)
        return True

    monkeypatch.setattr(status, "_links", hangs)
    start = time.monotonic()
    answer = await get("/healthz")
    assert time.monotonic() - start < 1.8
    assert answer.status == 503 and answer.json["problems"] == ["links cannot be read"]
    await asyncio.sleep(1.2)  # the thread is free again


@database
@asynchronous
async def test_metrics_count_runs_stages_and_refusals(
    service: Service, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def value(text: bytes, line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", text.decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = (await get("/metrics")).body
    socket = await connect()
    await socket.run("stage compile\nstage load\nstage counted")
    await socket.until("done")
    await socket.run("fail")
    await socket.until("done")
    after = (await get("/metrics")).body
    lines = {
        'bpfscope_runs_total{kind="asm",outcome="done"}': 1,
        'bpfscope_run_seconds_count{kind="asm"}': 2,
        "bpfscope_queue_wait_seconds_count": 2,
    }
    for line, more in lines.items():
        assert value(after, line) - value(before, line) == more, line
    assert value(after, 'bpfscope_sandbox_layer{layer="landlock"}') == 1
    assert value(after, "bpfscope_sockets") >= 0
    assert b"process_open_fds" in after and b"stage counted" not in after


@database
@asynchronous
@pytest.mark.parametrize(
    ("allowed", "client", "code"),
    [
        (["127.0.0.1", "::1"], "127.0.0.1", 200),
        (["127.0.0.1", "::1"], "192.0.2.1", 403),
        (["192.0.2.0/24"], "192.0.2.9", 200),
        (["192.0.2.0/24"], "::1", 403),
        (["2001:db8::/32"], "2001:db8:1::5", 200),
        (["::1"], "nonsense", 403),
    ],
)
async def test_metrics_are_for_the_operator(
    service: Service, settings: Any, allowed: list[str], client: str, code: int
) -> None:
    settings.METRICS_FROM = allowed
    assert (await get("/metrics", client=client)).status == code


def test_times_that_a_worker_gives_are_checked() -> None:
    before = metrics.text()
    wrong: list[object] = [None, [], {"compile": "x"}, {"compile": float("nan")}, {"verify": -1}, {"run": 1e300}]
    for times in wrong:
        metrics.stages(times)
    assert re.findall(rb"stage_seconds_count.*", metrics.text()) == re.findall(rb"stage_seconds_count.*", before)
    metrics.stages({"verify": 12.5})
    assert re.findall(rb"stage_seconds_count.*", metrics.text()) != re.findall(rb"stage_seconds_count.*", before)


def test_a_line_of_the_log_is_an_object() -> None:
    record = logging.LogRecord("playground.pool", logging.WARNING, "", 1, "one\ntwo %s", ("\u202e",), None)
    record.run = "0123-45"
    found = json.loads(JsonFormatter().format(record))
    assert found["message"] == "one\ntwo \u202e" and found["run"] == "0123-45" and found["level"] == "WARNING"
    assert "\n" not in JsonFormatter().format(record)


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio(loop_scope="module")
async def test_answers_while_the_queue_is_full(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(service.pool, Pool)
    monkeypatch.setattr(service.pool._queue, "length", 2)
    for number in range(3):
        service.watch(service.open(asked(f"sleep 2.{number}")))
    await sync_to_async(lambda: None)()
    start = time.monotonic()
    answer = await get("/healthz")
    took = time.monotonic() - start
    assert answer.status == 200
    assert answer.json["queue"] == {"length": 2, "most": 2}
    assert answer.json["sandbox"]["active"]
    assert took < 1  # 0.1 s on a quiet machine


@database
@asynchronous
async def test_a_lost_database_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def lost(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("playground.models.Link.objects.only", lost)
    assert (await get("/healthz")).json["problems"] == ["links cannot be read"]
