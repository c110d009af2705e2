"""Workers on other machines: jobs and their messages go through Redis (REDIS_URL).

A web process pushes a job on a list and reads its frames from another; `manage.py worker` on any machine takes jobs
from the list and runs them in the same Pool as on a single machine. Each side keeps a key alive for each job: if the
web process is gone, or nobody follows the run, the worker stops; if the worker is gone, the user gets an error.
A worker requests the files of a job when it starts the job; they are sent in chunks (carry.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

from redis import asyncio as redis
from redis.exceptions import RedisError

from playground.config.limits import JobLimits
from playground.jobs.carry import NotCarried, give, take
from playground.jobs.frames import SHORT, FrameError, read_frame
from playground.jobs.pool import Pool
from playground.jobs.queue import Busy
from playground.jobs.run import FINISHED, RUNNING, Run
from playground.jobs.storage import refusal
from playground.jobs.store import Store
from playground.jobs.uploads import Coming, Full, Uploads, patience

log = logging.getLogger("playground.remote")
PREFIX = "bpfscope:2"  # a version: processes of two releases do not take each other's jobs
JOBS, ABOUT = f"{PREFIX}:jobs", f"{PREFIX}:about"
ALIVE_SECONDS = 15
BEAT_SECONDS = 3
AHEAD = 64  # frames a worker is ahead of its reader, at most
# What a worker pushes beside frames, which begin with a length: neither of these could be one.
END = b"end "
NEED = b"need "


def key(kind: str, name: str) -> str:
    return f"{PREFIX}:{kind}:{name}"


class Remote:
    """The interface of Pool for workers on other machines."""

    def __init__(self, *, url: str, limits: JobLimits, queue: int, size: int) -> None:
        self.limits = limits
        self.queue_length = queue
        self.size = size
        self.about: dict[str, Any] = {}
        self._redis = redis.from_url(url)
        self._waiting = 0
        self._workers = 0
        self._error = "no worker has reported yet"
        self._jobs: dict[Run, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._spawn(self._look())

    async def close(self) -> None:
        for task in [*self._tasks, *self._jobs.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._jobs.values(), return_exceptions=True)
        await self._redis.aclose()

    async def ready(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._error and time.monotonic() < end:
            await asyncio.sleep(0.1)
        return not self._error

    def status(self) -> dict[str, Any]:
        return {
            "size": self._workers,
            "idle": max(0, self._workers - len(self._jobs)),
            "running": sum(run.state == RUNNING for run in self._jobs),
            "queued": self._waiting,
            "queue_length": self.queue_length,
            "pids": [],
            "error": self._error,
        }

    def submit(self, run: Run) -> None:
        if self._waiting >= self.queue_length and not run.ahead:
            raise Busy(f"The server is busy: {self._waiting} runs are waiting already.", 5, "full")
        self._waiting += 1  # until the next poll
        task = asyncio.get_running_loop().create_task(self._follow(run))
        self._jobs[run] = task
        task.add_done_callback(lambda _: self._jobs.pop(run, None))

    def cancel(self, run: Run) -> None:
        run.cancelled = True
        if (task := self._jobs.get(run)) is not None:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        """Poll the state of the queue and the workers."""
        while True:
            try:
                self._waiting = await _of(self._redis.llen(JOBS))
                said = [json.loads(text) for text in (await _of(self._redis.hgetall(ABOUT))).values()]
                fresh = [about for about in said if about["at"] > time.time() - ALIVE_SECONDS]
                self._workers = sum(about["size"] for about in fresh)
                self._error = "" if fresh else "no worker is available"
                self.about = fresh[0]["about"] if fresh else {}
            except RedisError as error:
                self._error = f"Redis does not answer: {error}"
            await asyncio.sleep(BEAT_SECONDS if not self._error else 0.5)

    async def _follow(self, run: Run) -> None:
        """Push a job, copy its messages, and report how it ended."""
        name = secrets.token_hex(16)
        try:
            await self._redis.set(key("want", name), b"1", ex=ALIVE_SECONDS)
            push = self._redis.lpush if run.ahead else self._redis.rpush
            sizes = {each: path.stat().st_size for each, path in run.files.items()}
            await _of(push(JOBS, json.dumps({"name": name, "request": run.request, "files": sizes})))
            beat = asyncio.create_task(_beat(self._redis, key("want", name)))
            try:
                await self._copy(run, name)
            finally:
                beat.cancel()
        except asyncio.CancelledError:
            run.finish({"type": "done", "ms": 0, "cancelled": True})
            raise
        except (RedisError, FrameError, OSError) as error:
            log.error("a run was lost on its way: %s", error)
            self._lost(run, "internal", "The connection to the worker was lost. Press Run again.")
        finally:
            with contextlib.suppress(RedisError, RuntimeError):
                await self._redis.delete(key("want", name), key("out", name), key("file", name))

    async def _copy(self, run: Run, name: str) -> None:
        while True:
            found: Any = await _of(self._redis.blpop([key("out", name)], timeout=1))
            if found is None:
                if not await self._redis.exists(key("alive", name)):
                    if run.state == RUNNING:
                        message = "The worker that ran your program has ended. Your program is kept: press Run again."
                        self._lost(run, "crashed", message)
                        return
                    run.position = self._waiting or 1
                    run.changed()
                continue
            run.state, run.position = RUNNING, 0
            if found[1].startswith(NEED):
                run.changed()
                await self._give(run, found[1][len(NEED) :].decode(), name)
                continue
            if found[1].startswith(END):
                run.good = json.loads(found[1][len(END) :])["good"]
                run.finish()
                return
            frame = read_frame(io.BytesIO(found[1]))
            if frame is None:
                raise FrameError("an empty frame")
            run.append(frame)

    async def _give(self, run: Run, file: str, name: str) -> None:
        """Send a file of the run to the worker that asked for it."""
        if file not in run.files:
            raise FrameError(f"a worker asks for a file that its job does not have: {file!r}")

        async def going() -> bool:
            return bool(await self._redis.exists(key("alive", name)))

        await give(self._redis, key("file", name), run.files[file], going)

    def _lost(self, run: Run, code: str, message: str) -> None:
        run.finish(
            {"type": "error", "code": code, "message": message}, {"type": "done", "ms": 0, "cancelled": run.cancelled}
        )


class Taker:
    """The side of the worker machine: takes jobs from Redis into a pool, and sends frames back."""

    def __init__(self, url: str, pool: Pool, store: Store, *, last_seconds: float = 0) -> None:
        self.pool = pool
        self.store = store
        self.uploads = Uploads(store.folder / "uploads")
        self.last_seconds = last_seconds
        self._stopping = False
        self._redis = redis.from_url(url)
        self._name = secrets.token_hex(8)

    def stop(self) -> None:
        """Take no more jobs; `serve` returns when the current jobs are done, or after `last_seconds`."""
        self._stopping = True

    async def serve(self) -> None:
        """Serve until stopped or cancelled."""
        self.uploads.start()
        self.pool.start()
        about = asyncio.create_task(self._tell())
        jobs: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                if not await self.pool.ready(BEAT_SECONDS) or len(jobs) >= self.pool.size:
                    if jobs:
                        await asyncio.wait(jobs, timeout=1, return_when=asyncio.FIRST_COMPLETED)
                    continue
                try:
                    found: Any = await _of(self._redis.blpop([JOBS], timeout=1))
                except RedisError as error:
                    log.error("Redis does not answer: %s", error)
                    await asyncio.sleep(BEAT_SECONDS)
                    continue
                if found is not None:
                    task = asyncio.create_task(self._run(json.loads(found[1])))
                    jobs.add(task)
                    task.add_done_callback(jobs.discard)
            if jobs:
                await asyncio.wait(jobs, timeout=self.last_seconds)
        finally:
            about.cancel()
            for task in jobs:
                task.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self.pool.close()
            with contextlib.suppress(RedisError):
                await _of(self._redis.hdel(ABOUT, self._name))
            await self._redis.aclose()

    async def _tell(self) -> None:
        while True:
            said = {"at": time.time(), "size": self.pool.size, "about": self.pool.about}
            if self.pool.about:
                with contextlib.suppress(RedisError):
                    await _of(self._redis.hset(ABOUT, self._name, json.dumps(said)))
            await asyncio.sleep(BEAT_SECONDS if self.pool.about else 0.1)

    async def _run(self, job: dict[str, Any]) -> None:
        name = job["name"]
        if not await self._redis.exists(key("want", name)):
            return  # the client has left the queue
        run = Run(name, job["request"], self.store.begin(name))
        run.ahead = job["request"].get("kind") in SHORT
        await self._redis.set(key("alive", name), b"1", ex=ALIVE_SECONDS)
        beat = asyncio.create_task(_beat(self._redis, key("alive", name)))
        fetched: list[Coming] = []
        try:
            if await self._files(run, name, job["files"], fetched):
                self.pool.submit(run)
            await self._send(run, name)
        except RedisError as error:
            log.error("a run could not be sent back: %s", error)
        finally:
            beat.cancel()
            for each in fetched:
                self.uploads.abandon(each)
            if run.state != FINISHED:
                self.pool.cancel(run)
            self.store.discard(run.record)
            run.record.close()
            with contextlib.suppress(RedisError, RuntimeError):
                await self._redis.delete(key("alive", name))

    async def _files(self, run: Run, name: str, sizes: dict[str, int], fetched: list[Coming]) -> bool:
        """Fetch the files of a job; False if one did not arrive, then the run has an error message. RedisError."""

        async def going() -> bool:
            return bool(await self._redis.exists(key("want", name)))

        run.patience += patience(sum(sizes.values()))
        for each, size in sizes.items():
            try:
                coming = self.uploads.begin()
            except Full:
                return _refused(run, "busy", "The server is busy with other files. Try again in a moment.")
            fetched.append(coming)
            try:
                await _of(self._redis.rpush(key("out", name), NEED + each.encode()))
                await self._redis.expire(key("out", name), 4 * ALIVE_SECONDS)
                await take(self._redis, key("file", name), size, self.uploads.part(coming), going)
                run.files[each] = self.uploads.part(coming)
            except NotCarried as error:
                log.error("a file did not come: %s", error)
                return _refused(run, "internal", "The file did not reach the worker. Press Run again.")
            except OSError as error:
                log.error("a file could not be stored: %s", error)
                return _refused(run, "disk", refusal(error, "file"))
        return True

    async def _send(self, run: Run, name: str) -> None:
        """Copy the record to the list as fast as the other side reads it."""
        place = 0
        looked = time.monotonic()
        while True:
            change, finished = run.change(), run.state == FINISHED
            while place < len(run.record.entries):
                ahead = await _of(self._redis.rpush(key("out", name), run.record.frame(place).encoded()))
                place += 1
                while ahead > AHEAD:
                    await asyncio.sleep(0.02)
                    if not await self._redis.exists(key("want", name)):
                        return
                    ahead = await _of(self._redis.llen(key("out", name)))
            await self._redis.expire(key("out", name), 4 * ALIVE_SECONDS)
            if finished:
                await _of(self._redis.rpush(key("out", name), END + json.dumps({"good": run.good}).encode()))
                await self._redis.expire(key("out", name), 4 * ALIVE_SECONDS)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(change.wait(), 1)
            if time.monotonic() - looked > 1:
                looked = time.monotonic()
                if not await self._redis.exists(key("want", name)):
                    return


def _refused(run: Run, code: str, message: str) -> bool:
    """Finish a run that cannot start; returns False."""
    run.finish({"type": "error", "code": code, "message": message}, {"type": "done", "ms": 0, "cancelled": False})
    return False


async def _beat(client: redis.Redis, name: str) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        with contextlib.suppress(RedisError):
            await client.expire(name, ALIVE_SECONDS)


async def _of(answer: Awaitable[Any] | Any) -> Any:
    """redis-py's types allow a synchronous answer; the asyncio client never gives one."""
    return await answer
