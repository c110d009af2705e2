"""The second shape: web process and workers apart, Redis between. Skipped where no redis-server is installed."""

from __future__ import annotations

import asyncio
import contextlib
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
from typing import Any

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
pytest.importorskip("celery", reason="requirements/services.txt is not installed")
from redis.exceptions import NoPermissionError  # noqa: E402

from playground.jobs import broker, carry, engine, others, streams  # noqa: E402
from playground.jobs.frames import MESSAGE, pack  # noqa: E402
from playground.jobs.record import Record  # noqa: E402
from playground.jobs.run import FINISHED, RUNNING, Run  # noqa: E402
from playground.jobs.signed import Forged, seal  # noqa: E402
from playground.jobs.taker import Taker  # noqa: E402
from playground.management.commands.worker import KINDS  # noqa: E402

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
from playground.jobs import taker
taker.ALIVE_SECONDS, taker.BEAT_SECONDS = 2, 0.5
from django.core.management import call_command
call_command("worker")
"""


class Server:
    """A redis-server."""

    process: subprocess.Popen[bytes]

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.command, self.folder, self.port = command, folder, port

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    users = (django_settings.BASE_DIR / "deploy" / "users.acl").read_text()
    (folder / "users.acl").write_text(users.replace("WEB_PASSWORD", "web").replace("WORKER_PASSWORD", "worker"))
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--aclfile", "users.acl"]
    server = Server(command, folder, port)
    server.start()
    yield server
    server.process.terminate()
    server.process.wait()


@pytest.fixture(scope="module")
def redis_url(redis_server: Server) -> str:
    return f"redis://web:web@127.0.0.1:{redis_server.port}/0"


def start_worker(url: str, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "REDIS_URL": url.replace("web:web", "worker:worker"),
        "BPFSCOPE_VAR": str(folder), "WORKERS": "1", "JOB_KEY": KEY, "SHUTDOWN_SECONDS": "1",
        "DJANGO_SETTINGS_MODULE": "playground.settings",
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=django_settings.BASE_DIR, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def worker(redis_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start_worker(redis_url, folder)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


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


async def test_without_a_worker_it_is_said(redis_url: str, web: None) -> None:
    here = services.service()
    await asyncio.sleep(0.3)
    assert here.pool.status()["error"]


async def test_a_job_runs_elsewhere_and_comes_back_whole(web: None, worker: subprocess.Popen[bytes]) -> None:
    assert await services.service().pool.ready(60)
    client = await connected()
    assert "sandbox" in client.hello
    await client.run("stage compile\nsteps verify 60000\nstage verify")
    said = await client.until("done", 60)
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
    assert "memory" in [m.get("limit") for m in await client.until("done", 60)]
    # nobody watches: the job ends there too
    await client.run("stage load\nsleep 20")
    pid = (await client.until("stage", 60))[-1]["pid"]
    await client.send(type="cancel")
    await client.until("done")
    await _until(lambda: pid not in set(descendants(worker.pid)), 15)
    await client.close()
    await again.close()


async def test_another_web_process_takes_a_run_over(web: None, worker: object) -> None:
    other = services.Service()
    here = services.service()
    assert await here.pool.ready(60)
    other.start()
    socket = await connected()
    await socket.run("stage compile\nsleep 2\nsteps verify 600\nstage verify")
    name = (await socket.until("stage", 60))[0]["run"]
    taken = await other.fetch(name)
    assert taken is not None
    assert await other.fetch(name) is taken
    other.watch(taken)
    # The first process loses its client, and does not stop what another one has taken over.
    here.leave(here._by_id[name], at_once=True)
    while taken.state != "finished":
        await asyncio.wait_for(taken.change().wait(), 30)
    assert taken.good
    said = [taken.record.frame(n).value() for n, each in enumerate(taken.record.entries) if each.unasked]
    assert [m["stage"] for m in said if m["type"] == "stage"] == ["compile", "verify"]
    assert [m["type"] for m in said][-1] == "done"
    assert await other.fetch("0" * 32 + "-" + "0" * 8) is None
    await socket.close()
    await other.close()


async def test_a_run_is_stopped_when_its_client_starts_another_one_elsewhere(
    redis_url: str, web: None, worker: object
) -> None:
    other, here = services.Service(), services.service()
    assert await here.pool.ready(60)
    other.start()
    client = redis.from_url(redis_url)
    group = f"{others.PREFIX}:group:{others.GROUP}"
    while await client.zcard(group) < 2:
        await asyncio.sleep(0.1)
    socket = await connected()
    await socket.run("stage compile\nsleep 50")
    name = (await socket.until("stage", 60))[0]["run"]
    run = here._by_id[name]
    # Somebody watches it: it goes on, whoever says what. So it does for what nobody of this server signed.
    other.replace(name)
    await asyncio.sleep(0.5)
    assert run.state == RUNNING
    run.watchers -= 1
    assert here.others is not None
    forged = {"type": others.REPLACED, "data": seal(KEY[::-1], others.REPLACED, name.encode())}
    for message in (forged, {"type": others.REPLACED}, {"type": others.REPLACED, "data": name}):
        await here.others._layer.group_send(others.GROUP, message)
    await asyncio.sleep(0.5)
    assert run.state == RUNNING
    other.replace(name)
    while run.state != FINISHED:
        await asyncio.wait_for(run.change().wait(), 30)
    assert run.cancelled
    run.watchers += 1
    await socket.close()
    await other.close()
    while await client.zcard(group) > 1:
        await asyncio.sleep(0.1)
    await client.aclose()


async def test_what_a_worker_with_other_code_answers_is_shown_and_not_kept(web: None, worker: object) -> None:
    here = services.service()
    assert await here.pool.ready(60)
    client = await connected()
    for code, kept in (("other", False), (services.version(), True)):
        here.pool._code = code  # type: ignore[union-attr]
        await client.run("stage compile\nsteps verify 60000\nstage other")
        said = await client.until("done", 60)
        assert [m["stage"] for m in said if m["type"] == "stage"] == ["compile", "other"]
        await client.send(type="window", stage="verify", **{"from": 59000, "to": 59010})
        assert (await client.until("steps", 60))[-1]["from"] <= 59000
        run = here._by_id[said[0]["run"]]
        await _until(lambda run=run: run.state == FINISHED, 60)
        assert run.good == kept
        assert (here.store.find(run.key) is not None) == kept
    await client.close()


async def test_a_worker_that_redis_hears_of_shows_it(worker: object, folder: Path) -> None:
    """The health check of its container looks at the time of the file."""
    file = folder / "worker.alive"

    async def touched(after: int) -> int:
        while not file.exists() or file.stat().st_mtime_ns <= after:
            await asyncio.sleep(0.1)
        return file.stat().st_mtime_ns

    first = await asyncio.wait_for(touched(0), 60)
    await asyncio.wait_for(touched(first), 60)


async def test_what_is_not_signed_is_refused(redis_url: str, web: None, tmp_path: Path) -> None:
    here = services.service()
    client = redis.from_url(redis_url)
    bad, good = (broker._encoded(key, "job", {"request": {}, "files": {}, "patience": 1}) for key in (KEY[::-1], KEY))
    taker = Taker(redis_url, KEY, services.local_pool(), here.store, services.version())
    for data, known in ((bad, False), (b"", False), (good[:-1], False), (good, True)):
        await client.set(engine.key("want", "job"), data)
        assert (await taker._job("job") is not None) == known
    # A signed job under another name
    await client.set(engine.key("want", "other"), good)
    assert await taker._job("other") is None
    # Entries of a stream: forged, then of another run, then with one missing
    run = Run("k", {}, here.store.begin("k"))
    for place, sealed, error in (
        ("1-0", b"E{}", Forged),
        ("1-0", seal(KEY, streams.purpose("theirs", 1), b"E{}"), Forged),
        ("2-0", seal(KEY, streams.purpose("mine", 2), b"E{}"), streams.Lost),
    ):
        await client.xadd(engine.key("out", "mine"), {"d": sealed}, id=place)
        with pytest.raises(error):
            await anext(aiter(streams.read(client, KEY, "mine")))
        await client.delete(engine.key("out", "mine"))
    # A worker that no worker of this server is
    forged = b'{"at": 9e9, "size": 9, "queues": ["runs", "reads"]}'
    assert broker._fresh({b"forged": forged, b"other": seal(KEY, "about them", forged)}, KEY) == []
    assert len(broker._fresh({b"them": seal(KEY, "about them", forged)}, KEY)) == 1
    await client.delete(*(engine.key("want", name) for name in ("job", "other")))
    run.record.close()
    await taker._redis.aclose()
    await client.aclose()


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "KEYS *", "CONFIG GET *", "ACL LIST", "GET bpfscope:cache:1:x", "SET bpfscope:3:want:x y", "MONITOR",
     "DEL bpfscope:3:out:x", "XREAD STREAMS bpfscope:3:out:x 0", "XRANGE bpfscope:3:out:x - +", "SCAN 0",
     "GET bpfscope:3:out:x", "HGETALL bpfscope:3:about:workers", "DEL bpfscope:3:want:x", "PUBLISH bpfscope:groups x",
     "ZADD bpfscope:groups:group:webs 1 x",
     "XADD bpfscope:groups * a b", "LPUSH bpfscope:3:file:x y", "DBSIZE", "SHUTDOWN"],
)  # fmt: skip
async def test_a_worker_has_no_other_rights(redis_url: str, command: str) -> None:
    client = redis.from_url(redis_url.replace("web:web", "worker:worker"))
    with pytest.raises(NoPermissionError):
        await client.execute_command(*command.split())
    await client.aclose()


async def test_a_long_stream_is_bounded_while_nobody_reads(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WHOLE_BYTES", 4000)
    monkeypatch.setattr(streams, "AHEAD_BYTES", 2000)
    client = redis.from_url(redis_url)
    out = engine.key("out", "long")
    writer = streams.Writer(client, KEY, "long", _yes)
    writing = asyncio.create_task(_write(writer, 100))
    await asyncio.sleep(0.3)
    assert not writing.done()
    assert await client.xlen(out) < 10
    assert 0 < await client.ttl(out) <= streams.SILENT_SECONDS
    read = [entry async for entry in _ended(streams.read(client, KEY, "long"))]
    await writing
    assert [entry[1] for entry in read[:-1]] == [bytes([n]) * 1000 for n in range(100)]
    assert 0 < await client.ttl(out) <= streams.KEPT_SECONDS
    # Its beginning is gone: that is said, not skipped.
    with pytest.raises(streams.Lost):
        await anext(aiter(streams.read(client, KEY, "long")))
    await client.delete(out, engine.key("read", "long"))
    await client.aclose()


async def _write(writer: streams.Writer, count: int) -> None:
    for n in range(count):
        assert await writer.write(streams.FRAME, bytes([n]) * 1000)
    await writer.write(streams.END)


async def _ended(entries: AsyncIterator[tuple[bytes, bytes] | None]) -> AsyncIterator[tuple[bytes, bytes]]:
    async for entry in entries:
        if entry is not None:
            yield entry
            if entry[0] == streams.END:
                return


async def test_queues_by_kind() -> None:
    served = frozenset(engine.queues("guests", ["6.1-x", "6.12-y"]))
    assert served == {"guests", "guests.6.1", "guests.6.12"}
    assert engine.queues("all", ["6.1-x"]) == ("reads", "first", "runs", "guests", "guests.6.1")
    assert engine.queues("all", []) == ("reads", "first", "runs")
    assert engine.queues("guests", []) == ()
    for request, queue in (
        ({"kind": "c"}, "runs"),
        ({"kind": "window"}, "reads"),
        ({"kind": "fixes"}, "runs"),
        ({"kind": "record", "kernel": "6.1"}, "guests.6.1"),
        ({"kind": "record", "kernel": "5.4"}, "guests"),
        ({"kind": "matrix", "kernels": ["6.1", "6.12"]}, "guests"),
        ({"kind": "matrix", "kernels": ["6.12"]}, "guests.6.12"),
        ({"kind": "real", "kernel": ""}, "guests"),
    ):
        assert engine.queue_of(request, served) == queue
    assert engine.queue_of({"kind": "real"}, frozenset({"runs"})) == "runs"
    assert set(KINDS) == set(engine.KINDS)
    conf = engine.application("redis://127.0.0.1:1").conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)


async def test_an_uploaded_log_reaches_the_worker(redis_url: str, web: None, worker: object, folder: Path) -> None:
    data = os.urandom(1 << 20) * 20 + b"the end"
    client = redis.from_url(redis_url)
    here = services.service()
    assert await here.pool.ready(60)
    before = set(here.uploads.folder.iterdir())
    status, answer = await post(data[: 5 << 20], data[5 << 20 :])
    assert status == 201
    socket = await connected()
    await socket.send(type="run", v=1, request={"kind": "log", "source": "", "upload": answer["id"]})
    said = await socket.until("done", 60)
    found = next(each for each in said if each["type"] == "stage")
    assert (found["bytes"], found["digest"]) == (len(data), hashlib.sha256(data).hexdigest())
    # Neither side keeps anything of it.
    await _until(lambda: set(here.uploads.folder.iterdir()) == before, 60)
    await _until(lambda: not list(folder.rglob("uploads/*")), 60)
    assert [name async for name in client.scan_iter() if b":file:" in name] == []
    # The file is gone, so another request that names it is refused.
    await socket.send(
        type="run",
        v=1,
        request={"kind": "log", "source": "", "upload": answer["id"], "options": {"program": "other"}},
    )
    assert "drop the file again" in (await socket.until("error"))[-1]["message"]
    await socket.close()
    await client.aclose()


async def test_chunks_in_redis_are_few_and_expire(redis_url: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(carry.CHUNK_BYTES) * (3 * carry.AHEAD))
    client = redis.from_url(redis_url)
    giving = asyncio.create_task(carry.give(client, KEY, "bpfscope:chunks", source, _yes))
    while await client.llen("bpfscope:chunks") < carry.AHEAD:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    assert await client.llen("bpfscope:chunks") == carry.AHEAD
    assert 0 < await client.ttl("bpfscope:chunks") <= carry.KEPT_SECONDS
    await carry.take(client, KEY, "bpfscope:chunks", source.stat().st_size, target, _yes)
    await giving
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o077 == 0
    await client.aclose()


async def test_a_reader_that_is_gone_ends_the_sending(redis_url: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * carry.AHEAD * carry.CHUNK_BYTES))
    client = redis.from_url(redis_url)
    await asyncio.wait_for(carry.give(client, KEY, "bpfscope:unread", source, _no), 5)
    assert await client.llen("bpfscope:unread") == carry.AHEAD
    await client.delete("bpfscope:unread")
    await client.aclose()


@pytest.mark.parametrize(("pushed", "size"), [(b"too long", 3), (b"", 3), (b"ab", 3)])
async def test_a_file_that_does_not_come_whole(redis_url: str, tmp_path: Path, pushed: bytes, size: int) -> None:
    client = redis.from_url(redis_url)
    if pushed:
        await client.rpush("bpfscope:partly", pushed)
    with pytest.raises(carry.NotCarried):
        await carry.take(client, KEY, "bpfscope:partly", size, tmp_path / "file", _no)
    await client.delete("bpfscope:partly")
    await client.aclose()


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


async def test_a_job_that_is_lost_on_its_way_is_given_out_again(
    web: None, worker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = services.service()
    assert await here.pool.ready(60)
    assert isinstance(here.pool, broker.Broker)
    push, lost = here.pool._push, [True]

    async def lose(*job: Any) -> None:
        if not lost or lost.pop() is not True:
            await push(*job)

    monkeypatch.setattr(broker, "START_SECONDS", 0.2)
    monkeypatch.setattr(here.pool, "_push", lose)
    client = await connected()
    await client.run("stage compile\nsleep 0.1\nstage verify")
    assert (await client.until("done", 60))[-2]["type"] == "stage"
    await client.close()


async def test_a_job_is_cancelled_although_the_redis_client_loses_the_cancellation(
    web: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = services.service()
    assert isinstance(here.pool, broker.Broker)

    async def read(*_: object) -> AsyncIterator[tuple[bytes, bytes] | None]:
        yield streams.STARTED, b""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        while True:
            yield streams.FRAME, pack(MESSAGE, {"type": "progress"}).encoded()
            await asyncio.sleep(0)

    monkeypatch.setattr(streams, "read", read)
    run = Run("key", {"kind": "asm"}, Record.create(tmp_path / "run"))
    here.pool._track(run, "", here.pool._follow(run, run.id))
    await _until(lambda: run.state == RUNNING, 60)
    here.pool.cancel(run)
    await _until(lambda: run not in here.pool._jobs, 60)
    assert run.state == FINISHED and len(run.record.entries) == 1
    run.record.close()


async def test_redis_dies_in_the_middle_of_a_job(
    redis_server: Server, web: None, worker: subprocess.Popen[bytes]
) -> None:
    assert await services.service().pool.ready(60)
    client = await connected()
    await client.run("stage load\nsleep 22")
    await client.until("stage", 60)
    redis_server.process.kill()
    redis_server.process.wait()
    assert (await client.until("done", 60))[-2]["code"] == "internal"
    await asyncio.sleep(1)  # the worker notices it too
    redis_server.start()
    # The worker takes jobs again, although it could not acknowledge its last one.
    assert await services.service().pool.ready(60)
    await client.run("stage compile\nstage verify")
    assert (await client.until("done", 60))[-2]["type"] == "stage"
    await client.close()


async def test_a_run_waits_for_redis(redis_server: Server, web: None, worker: subprocess.Popen[bytes]) -> None:
    """Redis dies before a run has said anything: the run is done when Redis, which knows nothing of it, is back."""
    assert await services.service().pool.ready(30)
    begun, later = await connected(), await connected()
    await begun.run("sleep 3\nstage compile")
    await asyncio.sleep(1.5)  # the worker has it
    redis_server.process.kill()
    redis_server.process.wait()
    await later.run("stage compile\nstage verify")
    await asyncio.sleep(2)
    redis_server.start()
    for client in (begun, later):
        assert (await client.until("done", 60))[-2]["type"] == "stage"
        await client.close()


async def test_a_worker_machine_that_dies(
    redis_url: str, web: None, worker: subprocess.Popen[bytes], folder: Path
) -> None:
    assert await services.service().pool.ready(60)
    client = await connected()
    await client.run("stage load\nsleep 21")
    await client.until("stage", 60)
    worker.kill()
    worker.wait()
    said = await client.until("done", 60)
    assert said[-2]["code"] == "crashed"
    left = set((folder / "tmp").iterdir())
    assert left
    successor = start_worker(redis_url, folder)
    await _until(lambda: not left & set((folder / "tmp").iterdir()), 60)
    successor.kill()
    successor.wait()
    await client.close()


async def test_a_worker_that_is_stopped_tells_its_runs(redis_url: str, web: None, tmp_path: Path) -> None:
    worker = start_worker(redis_url, tmp_path)
    assert await services.service().pool.ready(60)
    client = await connected()
    await client.run("stage load\nsleep 23")
    await client.until("stage", 60)
    worker.send_signal(signal.SIGTERM)
    assert (await client.until("done", 60))[-2]["code"] == "restart"
    assert await asyncio.to_thread(worker.wait, 10) == 0
    await client.close()


async def _until(condition: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
