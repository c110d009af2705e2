"""Workers come, go and are renewed without anybody who waits noticing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.conf import settings as django_settings

from playground import metrics
from playground.config.limits import LIMITS, JobLimits
from playground.jobs import process
from playground.jobs import service as services
from playground.jobs.frames import END, FACTS, MESSAGE, VALUE, pack
from playground.jobs.pool import SETTLED_SECONDS, Pool
from playground.jobs.process import IDLE_SECONDS, Worker, descendants
from playground.jobs.queue import Queue
from playground.jobs.record import Record
from playground.jobs.run import FINISHED, Run
from playground.jobs.service import Service
from playground.jobs.worker import _comes, unpacked
from tests.playground.conftest import Socket, asked

pytestmark = pytest.mark.asyncio(loop_scope="module")
Connect = Callable[[], Awaitable[Socket]]


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def queue() -> Queue:
    return Queue(length=32, per_client=32, seconds=60)


async def warm(service: Service) -> Pool:
    pool = service.pool
    assert isinstance(pool, Pool)
    await until(lambda: pool.status()["idle"] == pool.size + 1)
    return pool


async def test_an_idle_worker_that_dies_is_replaced_before_anybody_asks(service: Service) -> None:
    pool = await warm(service)
    victim = pool.status()["pids"][0]
    os.kill(victim, signal.SIGKILL)
    await until(lambda: victim not in pool.status()["pids"])
    await warm(service)


async def test_a_run_cancelled_as_it_ends_leaves_no_idle_worker_that_is_killed(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    pool = await warm(service)
    supervise = pool._supervise

    async def cancelled_at_the_end(worker: Worker, run: Run) -> bool:
        result = await supervise(worker, run)
        pool.cancel(run)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(pool, "_supervise", cancelled_at_the_end)
        run = service.open(asked("stage compile\nstage load"))
        service.watch(run)
        await until(lambda: run.state == FINISHED)
    await warm(service)
    assert "an idle worker ended" not in caplog.text


async def test_a_run_given_to_a_dead_worker_is_given_to_another(service: Service) -> None:
    pool = await warm(service)
    for pid in pool.status()["pids"]:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    run = service.open(asked("stage compile\nstage load"))  # before the pool could notice
    service.watch(run)
    await until(lambda: run.state == FINISHED)
    assert run.good and not run.retried


async def test_a_run_whose_worker_dies_before_a_word_is_given_to_another(service: Service) -> None:
    pool = await warm(service)
    run = service.open(asked("stage compile\nstage jit"))
    os.kill(pool._busy[run].pid, signal.SIGKILL)  # before it was sent the request
    service.watch(run)
    await until(lambda: run.state == FINISHED)
    assert run.good and run.retried


async def test_a_program_that_kills_its_worker_at_once_kills_two(service: Service, caplog: Any) -> None:
    await warm(service)
    run = service.open(asked("crash"))
    service.watch(run)
    await until(lambda: run.state == FINISHED)
    said = [run.record.frame(place).value() for place in range(len(run.record.entries))]
    assert [message.get("code", message["type"]) for message in said] == ["crashed", "done"]
    assert caplog.text.count("a worker ended in the middle of a job") == 2


async def test_workers_are_renewed_one_at_a_time_and_never_missed(service: Service, connect: Connect) -> None:
    pool = await warm(service)
    old = set(pool.status()["pids"])
    for worker in pool._idle:
        worker.due_at = 1
        worker.jobs = worker.runs = 1
    socket = await connect()
    await socket.run("stage compile\nstage n2")
    await socket.until("done")
    seen: list[set[int]] = []

    def renewed() -> bool:
        seen.append(set(pool.status()["pids"]))
        return not seen[-1] & old and len(seen[-1]) == pool.size + 1

    await until(renewed)
    assert min(len(pids) for pids in seen) == pool.size + 1  # all that should be there were
    assert max(len(pids) for pids in seen) <= pool.size + 2
    assert {len(pids & old) for pids in seen} == {2, 1, 0}  # one after the other


@pytest.mark.parametrize(
    ("commands", "reason", "growth"),
    # Much memory takes more CPU time than a job has here, so that a small part of it has to be too much.
    [(["leak 10", "leak 60"], "memory", 0.1), (["leak_files 30", "leak_files 40"], "descriptors", 0.5)],
)
async def test_a_worker_that_has_grown_is_replaced_when_it_is_idle(
    service: Service,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    commands: list[str],
    reason: str,
    growth: float,
) -> None:
    pool = await warm(service)
    monkeypatch.setattr(pool, "growth", growth)
    socket = await connect()

    def replaced() -> float:
        return float(metrics.worker_ends.labels(reason)._value.get())

    before = replaced()
    pid = 0
    for number, command in enumerate(commands):
        # The same worker each time: the one that waited longest is taken, so the others are set behind it.
        if pid:
            while pool._idle[0].pid != pid:
                pool._idle.rotate()
        pid = pool._idle[0].pid
        await socket.run(f"{command}\nstage n{number}")
        assert (await socket.until("done"))[-2]["type"] == "stage"
        await asyncio.sleep(SETTLED_SECONDS + 0.2)
        if number == 0:
            assert pid in pool.status()["pids"]  # a little is no reason
    await until(lambda: pid not in pool.status()["pids"] and replaced() == before + 1)
    await warm(service)
    assert replaced() == before + 1  # only that one, and its successor is none of them
    await socket.close()


async def test_a_worker_that_computes_without_a_job_is_replaced(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "IDLE_CPU", 0.02)  # a busy machine gives it no larger part of its time
    pool = await warm(service)
    socket = await connect()
    pid = pool._idle[0].pid
    await socket.run("leak_thread 20")
    await socket.until("done")
    await asyncio.sleep(SETTLED_SECONDS + IDLE_SECONDS + 0.7)
    while pool._idle[0].pid != pid:
        pool._idle.rotate()
    await socket.run("stage n3")
    await socket.until("done")
    await until(lambda: pid not in pool.status()["pids"])
    await socket.close()


async def test_the_cpu_time_of_a_job_is_none_of_an_idle_worker(service: Service, connect: Connect) -> None:
    pool = await warm(service)
    socket = await connect()
    pid = pool._idle[0].pid
    for number in range(2):
        while pool._idle[0].pid != pid:
            pool._idle.rotate()
        await socket.run(f"spin 0.35\nstage n{number}5")
        await socket.until("done")
        await asyncio.sleep(SETTLED_SECONDS + 0.3)
    assert pid in pool.status()["pids"] and not any(worker.grown for worker in pool._idle)
    await socket.close()


async def test_workers_that_are_due_take_jobs_until_a_successor_has_started(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await warm(service)
    old = set(pool.status()["pids"])
    start, may_start = Worker.start, asyncio.Event()

    async def held(*args: Any) -> Worker:
        await may_start.wait()
        return await start(*args)

    monkeypatch.setattr(Worker, "start", held)
    monkeypatch.setattr(pool, "jobs_per_worker", 1)
    for worker in pool._idle:
        worker.due_at = 1
    socket = await connect()
    for number in range(3 * len(old)):
        await socket.run(f"stage compile\nstage due{number}")
        await asyncio.wait_for(socket.until("done"), 10)
        assert set(pool.status()["pids"]) == old
    may_start.set()
    await until(lambda: not old & set(pool.status()["pids"]))
    assert len(pool.status()["pids"]) == pool.size + 1


class Started(SimpleNamespace):
    """Stands for a worker: told from another by what it is, not by its members."""

    __hash__ = object.__hash__  # type: ignore[assignment]


async def test_workers_are_due_at_different_numbers_of_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def start(*args: Any) -> Any:
        never = asyncio.get_running_loop().create_future()
        found = Started(pid=0, jobs=0, about={}, process=SimpleNamespace(wait=lambda: never))

        async def kill() -> None:
            pass

        found.due, found.kill = lambda: False, kill
        return found

    monkeypatch.setattr(Worker, "start", start)
    pool = Pool(job="", size=8, limits=JobLimits(), queue=queue(), base=tmp_path, temporary=tmp_path)
    pool.start()
    await until(lambda: len(pool._idle) == 9)
    due = [worker.due_at for worker in pool._idle]
    await pool.close()
    assert len(set(due)) > 1
    assert all(50 <= number < 100 for number in due)


@pytest.mark.parametrize("per_worker", [1, 2, 3, 100])
async def test_no_worker_is_due_before_its_first_job(
    service: Service, monkeypatch: pytest.MonkeyPatch, per_worker: int
) -> None:
    pool = await warm(service)
    monkeypatch.setattr(pool, "jobs_per_worker", per_worker)
    before = set(pool.status()["pids"])
    os.kill(min(before), signal.SIGKILL)
    await until(lambda: set(pool.status()["pids"]) - before)
    (new,) = [worker for worker in pool._idle if worker.pid not in before]
    assert 1 <= new.due_at <= max(1, per_worker - 1)


async def test_a_server_that_stops_lets_runs_end_and_takes_no_new_ones(service: Service, connect: Connect) -> None:
    await warm(service)
    first, second = await connect(), await connect()
    await first.run("stage compile\nsleep 0.5\nstage n3")
    await first.until("stage")
    draining = asyncio.create_task(service.drain(10))
    await asyncio.sleep(0.1)
    try:
        await second.run("stage load")
        refused = await second.receive()
        assert refused["code"] == "busy" and "restarted" in refused["message"]
        said = await first.until("done")
        assert said[-2]["stage"] == "n3"
        begun = time.monotonic()
        await draining
        assert time.monotonic() - begun < 2
    finally:
        service.closing = False


async def test_runs_that_do_not_end_in_time_are_told(service: Service, connect: Connect) -> None:
    socket = await connect()
    await socket.run("stage compile\nsleep 2.6")
    await socket.until("stage")
    try:
        await service.drain(0.2)
        said = await socket.until("done")
        assert said[-2]["code"] == "restart"
        assert "press Run again" in said[-2]["message"].replace("Press", "press")
    finally:
        service.closing = False


@pytest.mark.parametrize("kind", ["c", "asm", "hex", "elf"])
@pytest.mark.parametrize("insisted", [False, True])
async def test_without_landlock_every_kind_is_refused_unless_the_operator_insists(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, insisted: bool
) -> None:
    monkeypatch.setenv("BPFSCOPE_SANDBOX_OFF", "landlock")
    monkeypatch.setenv("BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "yes" if insisted else "")
    worker = await Worker.start(django_settings.JOB_FUNCTION, JobLimits(), django_settings.BASE_DIR, tmp_path)
    try:
        assert "landlock" not in worker.about["sandbox"]["active"]
        await worker.send({"kind": kind, "source": "stage load"})
        said = []
        while (frame := await worker.read()).kind != END:
            said.append(frame.value())
        assert len(said) == 1
        assert said[0]["type"] == ("stage" if insisted else "error")
        if not insisted:
            assert "Landlock" in said[0]["message"] and "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER=yes" in said[0]["message"]
            assert frame.value()["cacheable"] is False
    finally:
        await worker.kill()


async def run_with_launcher(
    pool: Pool, folder: Path, source: str, *, kill: bool = False
) -> tuple[Run, list[dict[str, Any]]]:
    """A run of a job whose workers have a process beside them, and what it said. kill -- that process in the middle"""
    run = Run("x" * 32, {"kind": "asm", "source": source}, Record.create(folder / f"{time.monotonic_ns()}.run"))
    pool.submit(run)
    async with asyncio.timeout(120):
        while kill and not run.record.entries:
            await run.change().wait()
        if kill:
            for launcher in descendants(pool._busy[run].pid):
                os.kill(launcher, signal.SIGKILL)
        while run.state != FINISHED:
            await run.change().wait()
    return run, [json.loads(run.record.text(entry)) for entry in run.record.entries]


@contextlib.asynccontextmanager
async def with_launchers(folder: Path) -> AsyncIterator[Pool]:
    pool = Pool(
        job="tests.playground.fake_launcher:run_job", size=1, limits=JobLimits(), queue=queue(),
        base=Path(django_settings.BASE_DIR), temporary=folder / "tmp",
    )  # fmt: skip
    pool.start()
    try:
        await until(lambda: pool.status()["idle"] == 2, 120)
        yield pool
    finally:
        await pool.close()


async def test_an_idle_worker_whose_launcher_is_killed_is_replaced(tmp_path: Path) -> None:
    async with with_launchers(tmp_path) as pool:
        before = set(pool.status()["pids"])
        for worker in before:
            for launcher in list(descendants(worker)):
                os.kill(launcher, signal.SIGKILL)
        await until(lambda: pool.status()["idle"] == 2 and not before & set(pool.status()["pids"]), 120)
        _, said = await run_with_launcher(pool, tmp_path, "about")
        assert [message["type"] for message in said] == ["stage", "done"]


async def test_a_run_whose_launcher_is_killed_ends_with_a_sentence_and_the_next_one_works(tmp_path: Path) -> None:
    async with with_launchers(tmp_path) as pool:
        run, said = await run_with_launcher(pool, tmp_path, "need", kill=True)
        assert not run.good
        assert [message.get("code") for message in said] == [None, "crashed", None]
        assert "press Run again" in said[1]["message"]
        _, said = await run_with_launcher(pool, tmp_path, "need nothing")
        assert said[0]["code"] == "internal"
        _, said = await run_with_launcher(pool, tmp_path, "about")
        assert said[0]["launcher"]


ADOPTING = """
import asyncio, ctypes, os, subprocess, sys, time
from pathlib import Path

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans are ours, as they are PID 1's
from playground.jobs import reaper
from playground.config.limits import JobLimits
from playground.jobs.process import Worker, descendants

async def main():
    assert reaper.adopts()
    reaping = asyncio.create_task(reaper.reap_orphans()) if sys.argv[2] == "reap" else None
    left = 0
    for _ in range(2):
        job, base, folder = "tests.playground.fake_launcher:run_job", Path.cwd(), Path(sys.argv[1])
        worker = await Worker.start(job, JobLimits(), base, folder)
        left += len(list(descendants(worker.pid)))
        assert await worker.kill() == -9
    own = await asyncio.create_subprocess_exec(sys.executable, "-c", "import sys; sys.exit(7)")
    await asyncio.sleep(3.5 if reaping else 1)
    print(left, len(reaper.zombies()), await own.wait())

asyncio.run(main())
"""


@pytest.mark.parametrize("reap", [True, False])
async def test_what_a_killed_worker_leaves_is_reaped_where_orphans_are_ours(tmp_path: Path, reap: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADOPTING, str(tmp_path), "reap" if reap else ""],
        cwd=django_settings.BASE_DIR, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    left, zombies, status = map(int, done.stdout.split())
    assert left >= 2, "each worker has a launcher"
    assert zombies == 0 if reap else zombies >= 2
    assert status == 7  # and what we wait for ourselves is not taken away


async def test_a_process_that_adopts_nobody_looks_for_nobody() -> None:
    from playground.jobs import reaper

    assert not reaper.adopts()
    await asyncio.wait_for(reaper.reap_orphans(), 1)


async def test_workers_start_from_compiled_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without bytecode each start compiles the whole stack, which is a third of its time."""
    seen: dict[str, str] = {}

    async def start(*_command: str, env: dict[str, str], **_options: Any) -> None:
        seen.update(env)
        raise OSError("far enough")

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    with pytest.raises(OSError, match="far enough"):
        await Worker.start("", JobLimits(), tmp_path, tmp_path)
    assert "TMPDIR" in seen and "PYTHONDONTWRITEBYTECODE" not in seen


async def test_the_defaults_of_a_job_are_those_of_the_settings() -> None:
    import importlib

    limits = JobLimits()
    names = ("JOB_SECONDS", "JOB_CPU_SECONDS", "JOB_MEMORY_MB", "JOB_OUTPUT_MB", "JOB_FILE_MB")
    seconds, cpu, memory, output, file_size = (LIMITS[name].default for name in names)
    assert limits == JobLimits(seconds, cpu, memory << 20, output << 20, file_size << 20)
    module = importlib.import_module("playground.settings")
    assert {name: getattr(module, name) for name in LIMITS if name not in os.environ} == {
        name: limit.default for name, limit in LIMITS.items() if name not in os.environ
    }
    assert process.START_SECONDS


async def test_a_run_that_was_finished_while_it_waited_is_given_to_no_worker(tmp_path: Path) -> None:
    pool = Pool(job="", size=1, limits=JobLimits(), queue=queue(), base=tmp_path, temporary=tmp_path)
    run = Run("waits", {"kind": "c"}, Record.create(tmp_path / "waits"))
    pool.submit(run)
    assert pool.status()["queued"] == 1
    run.finish({"type": "done", "ms": 0, "cancelled": True})
    pool._dispatch()
    assert pool.status()["queued"] == 0
    run.record.close()


async def test_what_a_worker_says_after_the_end_of_its_run_is_not_kept(tmp_path: Path) -> None:
    run = Run("over", {"kind": "c"}, Record.create(tmp_path / "over"))
    run.append(pack(MESSAGE, {"type": "progress"}))
    run.finish({"type": "done", "ms": 0, "cancelled": True})
    run.append(pack(MESSAGE, {"type": "progress"}))
    assert [run.record.frame(place).value()["type"] for place in range(len(run.record.entries))] == ["progress", "done"]
    run.record.close()


async def test_a_worker_that_is_being_killed_leaves_no_files_when_the_pool_closes(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await warm(service)
    kill = Worker.kill

    killed: list[Worker] = []

    async def slowly(worker: Worker) -> int:
        killed.append(worker)
        if len(killed) == 1:  # the first attempt to kill the first worker
            await asyncio.sleep(5)
        return await kill(worker)

    monkeypatch.setattr(Worker, "kill", slowly)
    socket = await connect()
    await socket.run("nonsense")
    await socket.until("done")
    await socket.close()
    await asyncio.sleep(0.1)
    await services.close()
    assert not list(pool._temporary.glob("worker-*"))


async def test_a_process_that_ends_while_its_children_are_counted_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    monkeypatch.setattr(Path, "is_dir", lambda path: True)  # it was there a moment ago
    assert list(descendants(ended.pid)) == []


def read(store: Path, name: str, kind: str, since: float = 1.0) -> Run:
    run = Run("read", {"kind": kind}, Record.create(store / name))
    run.ahead, run.since = True, since
    return run


async def test_what_was_clicked_goes_before_what_a_page_asks_by_itself(tmp_path: Path) -> None:
    pool = Pool(job="", size=1, limits=JobLimits(), queue=queue(), base=tmp_path, temporary=tmp_path)
    now = time.monotonic()
    facts, value = read(tmp_path, "facts", FACTS, now + 60), read(tmp_path, "value", VALUE, now + 60)
    pool._reads.extend((facts, value))
    assert pool._next() is value, "the one that somebody waits for"
    facts.since = now - 60
    assert pool._next() is facts, "but not for ever"
    pool._reads.remove(facts)
    pool._busy[facts] = cast(Worker, None)
    assert pool._next() is value, "it may have the spare beside one that nobody waits for"
    pool._reads.remove(value)
    pool._reads.append(read(tmp_path, "more", FACTS, now))
    assert pool._next() is None
    pool._busy = {value: cast(Worker, None)}
    assert pool._next() is None, "a worker stays free for the next run"
    for run in (facts, value, pool._reads[0]):
        run.record.close()


async def test_a_worker_waits_with_its_housekeeping_while_requests_come() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as requests:
        assert not _comes(requests)
        os.write(theirs, b"x")
        assert _comes(requests)
        requests.read1(1)
        os.close(theirs)
        assert _comes(requests), "its parent ended"


async def test_a_request_arrives_as_it_was_sent() -> None:
    for text in ("plain", "ü \u2028 \0", "half of a pair: \ud800", '\\" </script>'):
        request = {"kind": "c", "source": text, "options": {"a": [1, -2, 3.5, True, None]}, "blocks": {3: "AA=="}}
        assert unpacked(process.packed(request)) == json.loads(json.dumps(request))
