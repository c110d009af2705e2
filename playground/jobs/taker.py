"""The worker's side: jobs that Celery takes from Redis are run by the same Pool as on one machine.

Celery runs each task in a thread that waits for the pool, whose event loop has a thread of its own. The processes that
execute users' programs are those of playground.jobs.process: confined, measured, and without access to Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from redis import asyncio as redis
from redis.exceptions import RedisError

from playground.jobs import streams
from playground.jobs.broker import ALIVE_SECONDS, BEAT_SECONDS
from playground.jobs.carry import NotCarried, take
from playground.jobs.engine import key
from playground.jobs.frames import SHORT
from playground.jobs.pool import Pool
from playground.jobs.run import FINISHED, Run
from playground.jobs.signed import Forged, seal, unseal
from playground.jobs.storage import refusal
from playground.jobs.store import Store
from playground.jobs.uploads import Coming, Full, Uploads

log = logging.getLogger("playground.taker")
LOOK_SECONDS = 0.25
"""How often it is looked whether a job is still wanted."""
JOB_BYTES = 64 << 20
"""Largest job, inflated: blocks of a walk in base64 have 11 MiB."""
RESTART = "The server is being restarted, so this run was stopped. Press Run again in a moment."


class Taker:
    """Runs jobs by name. All methods but `stop` belong to the event loop in which it was made."""

    def __init__(self, url: str, secret: str, pool: Pool, store: Store, code: str) -> None:
        self.on_return: Callable[[], object] = bool
        """Called when Redis answers again after it did not."""
        self.on_told: Callable[[], object] = bool
        """Called each time that Redis has heard of this worker, every BEAT_SECONDS."""
        self.pool = pool
        self.store = store
        self.uploads = Uploads(store.folder / "uploads")
        self.name = secrets.token_hex(8)
        self.queues: Sequence[str] = ()
        self._secret = secret
        self._code = code
        self._redis = redis.from_url(url)
        self._loop = asyncio.get_running_loop()
        self._runs: set[Run] = set()
        self._about: asyncio.Task[None] | None = None
        self._silent = False

    def start(self) -> None:
        self.uploads.start()
        self.pool.start()

    def report(self, queues: Sequence[str]) -> None:
        """Begin to tell the web processes that this worker takes jobs from these queues."""
        self.queues = queues
        self._about = self._loop.create_task(self._tell())

    def stop(self, seconds: float) -> None:
        """Take no more jobs. Those that have not ended in so many seconds end with a message. Thread-safe."""
        self._loop.call_soon_threadsafe(self._silence)
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._end_all)

    def _silence(self) -> None:
        self._silent = True
        if self._about is not None:
            self._about.cancel()

    def _end_all(self) -> None:
        for run in list(self._runs):
            self._refuse(run, "restart", RESTART)
            self.pool.cancel(run)

    async def close(self) -> None:
        self._silence()
        await self.pool.close()
        with contextlib.suppress(RedisError):
            await self._redis.hdel(key("about", "workers"), self.name)
        await self._redis.aclose()

    async def _tell(self) -> None:
        lost = False
        while not self._silent:
            said = {"at": time.time(), "size": self.pool.size, "queues": [*self.queues], "about": self.pool.about}
            if self.pool.about:
                sealed = seal(self._secret, f"about {self.name}", json.dumps(said).encode())
                try:
                    await self._redis.hset(key("about", "workers"), self.name, sealed)
                    if lost:
                        self.on_return()
                    lost = False
                    with contextlib.suppress(OSError):
                        self.on_told()
                except RedisError as error:
                    if not lost:
                        log.error("Redis does not answer: %s", error)
                    lost = True
            await asyncio.sleep(BEAT_SECONDS)

    async def run(self, name: str) -> None:
        """Run the job of this name, if it is still wanted. Forged jobs are dropped. RedisError."""
        job = await self._job(name)
        # A job that is given out once more, because its worker died, begins anew only if it has said nothing yet.
        said = await self._redis.xlen(key("out", name))
        if job is None or said > 1:
            return
        if not await self._redis.set(key("alive", name), self.name, nx=True, ex=ALIVE_SECONDS):
            return
        run = Run(name, job["request"], self.store.begin(name))
        run.ahead = job["request"].get("kind") in SHORT
        run.patience = job["patience"]
        writer = streams.Writer(self._redis, self._secret, name, lambda: self._wanted(name))
        writer.number = said
        self._runs.add(run)
        beat = asyncio.create_task(self._beat(run, name))
        fetched: list[Coming] = []
        try:
            await writer.write(streams.STARTED)
            if await self._files(run, name, writer, job["files"], fetched):
                self.pool.submit(run)
            await self._send(run, name, writer)
        except RedisError as error:
            log.error("a run could not be sent back: %s", error, extra={"run": name})
        finally:
            self._runs.discard(run)
            beat.cancel()
            for each in fetched:
                self.uploads.abandon(each)
            if run.state == FINISHED:
                self._close_record(run)
            else:
                run.on_finish = self._close_record
                self.pool.cancel(run)
            with contextlib.suppress(RedisError):
                await self._redis.delete(key("alive", name))

    def _close_record(self, run: Run) -> None:
        self.store.discard(run.record)
        run.record.close()

    async def _job(self, name: str) -> dict[str, Any] | None:
        """The signed job of this name; None if there is none."""
        sealed: Any = await self._redis.get(key("want", name))
        if sealed is None:
            return None  # nobody waits for it any more
        try:
            data = unseal(self._secret, f"job {name}", sealed)
        except Forged as error:
            log.error("a job was refused: %s", error)
            return None
        opened = zlib.decompressobj()
        text = opened.decompress(data, JOB_BYTES)
        if not opened.eof:
            log.error("a job was refused: it is too long")
            return None
        job: dict[str, Any] = json.loads(text.decode("utf-8", "surrogatepass"))
        return job

    async def _wanted(self, name: str) -> bool:
        return bool(await self._redis.exists(key("want", name)))

    async def _beat(self, run: Run, name: str) -> None:
        while run in self._runs:  # and not until it is cancelled: see Broker._copy
            await asyncio.sleep(BEAT_SECONDS)
            with contextlib.suppress(RedisError):
                await self._redis.expire(key("alive", name), ALIVE_SECONDS)
                await self._redis.expire(key("out", name), streams.SILENT_SECONDS)

    async def _files(
        self, run: Run, name: str, writer: streams.Writer, sizes: dict[str, int], fetched: list[Coming]
    ) -> bool:
        """Fetch the files of a job; False if one did not arrive, then the run has an error message. RedisError."""
        for each, size in sizes.items():
            try:
                coming = self.uploads.begin()
            except Full:
                return self._refuse(run, "busy", "The server is busy with other files. Try again in a moment.")
            fetched.append(coming)
            try:
                await writer.write(streams.NEED, each.encode())
                part = self.uploads.part(coming)
                await take(self._redis, self._secret, key("file", name), size, part, lambda: self._wanted(name))
                run.files[each] = part
            except NotCarried as error:
                log.error("a file did not come: %s", error)
                return self._refuse(run, "internal", "The file did not reach the worker. Press Run again.")
            except OSError as error:
                log.error("a file could not be stored: %s", error)
                return self._refuse(run, "disk", refusal(error, "file"))
        return True

    async def _send(self, run: Run, name: str, writer: streams.Writer) -> None:
        """Write the record into the job's stream until the run has ended or is no longer wanted."""
        place = 0
        looked = time.monotonic()
        while True:
            change, finished = run.change(), run.state == FINISHED
            while place < len(run.record.entries):
                if not await writer.write(streams.FRAME, run.record.frame(place).encoded()):
                    return
                place += 1
            if finished:
                await writer.write(streams.END, json.dumps({"good": run.good, "code": self._code}).encode())
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await change.wait()
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not await self._wanted(name):
                    return

    def _refuse(self, run: Run, code: str, message: str) -> bool:
        """Finish a run that cannot start or go on; returns False."""
        run.finish({"type": "error", "code": code, "message": message}, {"type": "done", "ms": 0, "cancelled": False})
        return False
