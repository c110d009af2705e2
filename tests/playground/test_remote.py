"""The second shape: web process and workers apart, Redis between. Skipped where no redis-server is installed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from django.conf import settings as django_settings
from django.test import override_settings

from playground.jobs import service as services
from playground.jobs.process import descendants
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import Socket
from tests.playground.test_uploads import post

redis = pytest.importorskip("redis", reason="requirements/services.txt is not installed").asyncio
carry = pytest.importorskip("playground.jobs.carry")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]
KEY = "the key of these tests, 32 characters"
WORKER = """
import sys
import django
from django.conf import settings
django.setup()
settings.JOB_FUNCTION = "tests.playground.fake_job:run_job"
from django.core.management import call_command
call_command("worker")
"""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


def start_worker(url: str, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "REDIS_URL": url, "BPFSCOPE_VAR": str(folder), "WORKERS": "1", "JOB_KEY": KEY,
        "DJANGO_SETTINGS_MODULE": "playground.settings",
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=django_settings.BASE_DIR, env=environment)


@pytest_asyncio.fixture(loop_scope="module")
async def web(redis_url: str) -> AsyncIterator[None]:
    with override_settings(REDIS_URL=redis_url, JOB_KEY=KEY, JOB_FUNCTION="nothing:here"):
        await services.close()
        yield
        await services.close()
    for path in services.store().folder.rglob("*.run"):
        path.unlink()


async def connected() -> Socket:
    from playground.routing import websocket

    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost")])
    assert await communicator.connect()
    client = Socket(communicator)
    client.hello = await client.receive()
    return client


async def test_a_job_runs_elsewhere_and_comes_back_whole(redis_url: str, web: None, tmp_path: Path) -> None:
    worker = start_worker(redis_url, tmp_path)
    try:
        assert await services.service().pool.ready(30)
        client = await connected()
        assert "sandbox" in client.hello
        await client.run("stage compile\nsteps verify 60000\nstage verify")
        said = await client.until("done", 30)
        assert [m["stage"] for m in said if m["type"] == "stage"] == ["compile", "verify"]
        await client.send(type="window", stage="verify", **{"from": 59000, "to": 59010})
        window = await client.receive()
        assert window["steps"][59005 - window["from"]] == {"insn": 59005}
        # "done" is the worker's word; the broker's, that the answer may be kept, comes a moment after it.
        store, key = services.service().store, said[0]["run"].partition("-")[0]
        for _ in range(20):
            record = store.find(key)
            if record is not None:
                break
            await asyncio.sleep(0.2)
        assert record is not None
        record.close()
        again = await connected()
        await again.run("stage compile\nsteps verify 60000\nstage verify")
        stored = await again.until("done")
        assert [m for m in stored if m["type"] == "stage"] == [m for m in said if m["type"] == "stage"]
        # a limit is told, whoever measured it
        await client.run("allocate 100000")
        assert "memory" in [m.get("limit") for m in await client.until("done", 30)]
        # nobody watches: the job ends there too
        await client.run("stage load\nsleep 20")
        pid = (await client.until("stage", 30))[-1]["pid"]
        await client.send(type="cancel")
        await client.until("done")
        await _until(lambda: pid not in set(descendants(worker.pid)), 6)
        # the worker machine dies in the middle
        await client.run("stage load\nsleep 21")
        await client.until("stage", 30)
        worker.kill()
        worker.wait()
        said = await client.until("done", 30)
        assert said[-2]["code"] == "crashed"
        await client.close()
        await again.close()
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(10)


async def test_an_uploaded_log_reaches_the_worker(redis_url: str, web: None, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 20 + b"the end"
    worker = start_worker(redis_url, tmp_path)
    client = redis.from_url(redis_url)
    try:
        here = services.service()
        assert await here.pool.ready(30)
        status, answer = await post(data[: 5 << 20], data[5 << 20 :])
        assert status == 201
        socket = await connected()
        await socket.send(type="run", v=1, request={"kind": "log", "source": "", "upload": answer["id"]})
        said = await socket.until("done", 60)
        found = next(each for each in said if each["type"] == "stage")
        assert (found["bytes"], found["digest"]) == (len(data), hashlib.sha256(data).hexdigest())
        # Neither side keeps anything of it.
        await _until(lambda: not list(here.uploads.folder.iterdir()), 20)
        await _until(lambda: not list(tmp_path.rglob("uploads/*")), 20)
        assert [name for name in await client.keys() if b":file:" in name] == []
        # The file is gone, so another request that names it is refused.
        await socket.send(
            type="run",
            v=1,
            request={"kind": "log", "source": "", "upload": answer["id"], "options": {"program": "other"}},
        )
        assert "drop the file again" in (await socket.until("error"))[-1]["message"]
        await socket.close()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(10)
        await client.aclose()


async def test_chunks_in_redis_are_few_and_expire(redis_url: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(carry.CHUNK_BYTES) * (3 * carry.AHEAD))
    client = redis.from_url(redis_url)
    giving = asyncio.create_task(carry.give(client, KEY, "chunks", source, _yes))
    await asyncio.sleep(0.5)
    assert await client.llen("chunks") == carry.AHEAD
    assert 0 < await client.ttl("chunks") <= carry.KEPT_SECONDS
    await carry.take(client, KEY, "chunks", source.stat().st_size, target, _yes)
    await giving
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o077 == 0
    await client.aclose()


async def test_a_reader_that_is_gone_ends_the_sending(redis_url: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * carry.AHEAD * carry.CHUNK_BYTES))
    client = redis.from_url(redis_url)
    await asyncio.wait_for(carry.give(client, KEY, "unread", source, _no), 5)
    assert await client.llen("unread") == carry.AHEAD
    await client.delete("unread")
    await client.aclose()


@pytest.mark.parametrize(("pushed", "size"), [(b"too long", 3), (b"", 3), (b"ab", 3)])
async def test_a_file_that_does_not_come_whole(redis_url: str, tmp_path: Path, pushed: bytes, size: int) -> None:
    client = redis.from_url(redis_url)
    if pushed:
        await client.rpush("partly", pushed)
    with pytest.raises(carry.NotCarried):
        await carry.take(client, KEY, "partly", size, tmp_path / "file", _no)
    await client.delete("partly")
    await client.aclose()


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


async def test_without_a_worker_it_is_said(redis_url: str, web: None) -> None:
    here = services.service()
    await asyncio.sleep(0.3)
    assert here.pool.status()["error"]


async def _until(condition: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
