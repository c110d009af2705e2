"""/healthz: true without waiting."""

from __future__ import annotations

import time
from collections import namedtuple
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from playground.jobs.pool import Pool
from playground.jobs.service import Service
from tests.playground.conftest import asked


@pytest.mark.django_db
def test_is_well(client: Client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["ok"] is True
    assert answer.json()["links"] is True


@pytest.mark.django_db
def test_low_disk_is_ill(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1 << 40, 1 << 40, 100 << 20))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["only 100 MiB of disk are free"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio(loop_scope="module")
async def test_answers_while_the_queue_is_full(
    service: Service, async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(service.pool, Pool)
    monkeypatch.setattr(service.pool._queue, "length", 2)
    for number in range(3):
        service.watch(service.open(asked(f"sleep 2.{number}")))
    await sync_to_async(lambda: None)()
    start = time.monotonic()
    answer = await async_client.get("/healthz")
    took = time.monotonic() - start
    assert answer.status_code == 200
    assert answer.json()["queue"] == {"length": 2, "most": 2}
    assert answer.json()["sandbox"]["active"]
    assert took < 1  # 0.1 s on a quiet machine


@pytest.mark.django_db
def test_a_lost_database_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def lost(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("playground.models.Link.objects.only", lost)
    assert client.get("/healthz").json()["problems"] == ["links cannot be read"]
