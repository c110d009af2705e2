"""What a job may use, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from playground.jobs import service as services
from playground.jobs.pool import Pool
from playground.jobs.process import descendants, sweep
from playground.jobs.service import Service
from tests.playground.conftest import LOST, Socket, kept

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]


@pytest.mark.parametrize(
    ("source", "limit", "words"),
    [
        ("sleep 20", "time", "longer than 3 seconds"),
        ("spin 20", "cpu", "more than 0.5 seconds of CPU time"),
        ("allocate 4000", "memory", "more than 512 MiB of memory"),
        ("say 3000", "output", "output is larger than 1 MiB"),
        ("write 8", "size", "larger than 2 MiB"),
        ("limit time", "time", "clang was stopped"),
    ],
)
async def test_past_a_limit_the_user_reads_which_and_the_next_run_works(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch, source: str, limit: str, words: str
) -> None:
    if limit != "time":  # on a busy machine that may come first
        monkeypatch.setattr(service.pool, "limits", replace(service.pool.limits, seconds=60))
    socket = await connect()
    start = time.monotonic()
    await socket.run(f"stage compile\n{source}\nstage load")
    said = await socket.until("done")
    assert time.monotonic() - start < 60
    found = [message for message in said if message["type"] == "limit"]
    assert [message["limit"] for message in found] == [limit]
    assert words in found[0]["message"]
    assert "load" not in [message.get("stage") for message in said]
    await socket.run("stage jit")
    assert (await socket.until("done"))[-2]["stage"] == "jit"
    assert not kept(f"stage compile\n{source}\nstage load")


async def test_our_own_fault_is_said_to_be_ours_without_a_traceback(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await connect()
    await socket.run("stage load\nfail secret")
    said = await socket.until("done")
    assert said[-2]["code"] == "internal"
    assert "not your program's fault" in said[-2]["message"]
    assert not any("secret" in str(message) or "ZeroDivision" in str(message) for message in said)
    assert "ZeroDivisionError" in caplog.text


async def test_bad_input_is_a_sentence_and_its_answer_is_kept(connect: Connect) -> None:
    socket = await connect()
    for _ in range(2):
        await socket.run("bad_input The object is cut off.")
        said = await socket.until("done")
        assert said[-2]["message"] == "The object is cut off."
        assert kept("bad_input The object is cut off.")


async def test_a_worker_that_talks_nonsense_is_ended(connect: Connect) -> None:
    socket = await connect()
    await socket.run("nonsense")
    said = await socket.until("done")
    assert said[-2]["code"] == "internal"
    await socket.run("stage load")
    assert (await socket.until("done"))[-2]["type"] == "stage"


async def test_a_job_finds_no_files_of_the_one_before_and_none_are_left(connect: Connect) -> None:
    socket = await connect()
    for name in ("one", "two"):
        await socket.run(f"temporary {name}")
        said = await socket.until("done")
        assert said[-2]["found"] == []
    folders = list((django_settings.VAR_DIR / "tmp").glob("worker-*"))
    assert folders and not any(any(folder.iterdir()) for folder in folders)


async def test_a_worker_reads_nothing_starts_nothing_and_knows_no_secret(connect: Connect) -> None:
    socket = await connect()
    await socket.run("probe")
    may = (await socket.until("done"))[-2]["may"]
    held = socket.hello["sandbox"]["active"]
    assert may["secrets"] is False
    if "landlock" in held:
        assert may["read"] is False
    if "seccomp" in held:
        assert may["start"] is False


async def test_workers_are_replaced_after_so_many_jobs(
    connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = service.pool
    assert isinstance(pool, Pool)
    before = set(pool.status()["pids"])
    monkeypatch.setattr(pool, "jobs_per_worker", 2)  # of workers that are started from now on
    for worker in pool._idle:
        worker.due_at = 1
    socket = await connect()
    end = time.monotonic() + 30
    pids: set[int] = set()
    while before & set(pool.status()["pids"]) or len(pids - before) < 2:
        assert time.monotonic() < end
        await socket.run(f"stage compile\nstage {time.monotonic()}")
        said = await socket.until("done")
        pids |= {message["pid"] for message in said if "pid" in message}


async def test_the_pool_shuts_down_without_a_trace(service: Service) -> None:
    pids = service.pool.status()["pids"]
    assert pids
    await services.close()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")]
    assert not list((django_settings.VAR_DIR / "tmp").glob("worker-*"))


async def test_a_run_nobody_watches_is_stopped(
    connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.jobs.service.GRACE_SECONDS", 0.2)
    socket = await connect()
    await socket.run("stage compile\nsleep 2.5")
    pid = (await socket.until("stage"))[-1]["pid"]
    await socket.close(LOST)
    await asyncio.sleep(0.8)
    assert pid not in service.pool.status()["pids"]
    assert service.pool.status()["running"] == 0


async def test_folders_of_a_killed_web_process_are_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    ours, left, other = (tmp_path / f"worker-{owner}-x" for owner in (os.getpid(), gone.pid, "y"))
    for folder in (ours, left, other):
        folder.mkdir()
        (folder / "file").write_text("")
    sweep(tmp_path)
    assert ours.exists() and other.exists() and not left.exists()


WEB = """
import asyncio, sys
from pathlib import Path
from playground.config.limits import JobLimits
from playground.jobs.process import Worker

async def main():
    worker = await Worker.start("tests.playground.fake_job:run_job", JobLimits(), Path.cwd(), Path(sys.argv[1]))
    print(worker.pid, flush=True)
    await worker.send({"source": "spin 30"})
    await asyncio.sleep(30)

asyncio.run(main())
"""


async def test_no_worker_outlives_a_web_process_that_was_killed(tmp_path: Path) -> None:
    web = subprocess.Popen(
        [sys.executable, "-c", WEB, str(tmp_path)], cwd=django_settings.BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert web.stdout is not None
    pid = int(web.stdout.readline())
    # The kernel may leave out children while others of the process are forked or end (proc(5), task/[tid]/children).
    deadline = time.monotonic() + 5
    while pid not in set(descendants(web.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    web.kill()
    web.wait()
    deadline = time.monotonic() + 2
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_when_no_worker_starts_it_is_said(service: Service, settings: Any) -> None:
    from playground.jobs.pool import Pool
    from playground.jobs.queue import Queue

    pool = Pool(
        job="tests.playground.nowhere:run_job",
        size=1,
        limits=service.pool.limits,
        queue=Queue(1, 1, 1),
        base=settings.BASE_DIR,
        temporary=settings.VAR_DIR / "tmp",
    )
    pool.start()
    assert not await pool.ready(2)
    assert "no worker starts" in pool.status()["error"]
    await pool.close()
