"""The web process's side of workers on other machines (REDIS_URL): who may start a run, and what jobs say.

Runs wait in this process, in the same fair queue as on one machine. One that may start is given to Celery, at most as
many as there are workers, so that nothing waits in Redis that a fairer turn would come before.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import logging
import secrets
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis import asyncio as redis
from redis.exceptions import RedisError

from playground import metrics
from playground.config.limits import JobLimits
from playground.jobs import engine, streams
from playground.jobs.carry import give
from playground.jobs.frames import FrameError, read_frame
from playground.jobs.queue import SERVER, Busy, Client, Late, Queue
from playground.jobs.run import FINISHED, QUEUED, RUNNING, Run
from playground.jobs.signed import Forged, seal, unseal

log = logging.getLogger("playground.broker")
WANT_SECONDS = 30
"""Seconds that a job goes on without a web process that wants it; more than a client has for its reconnection."""
ALIVE_SECONDS = 10
"""Seconds after which a worker that is not heard of is taken for dead."""
BEAT_SECONDS = 2
CLOSE_SECONDS = 5
START_SECONDS = 5
"""Seconds within which a worker usually begins a job; then it is given to Celery once more: a connection that breaks
while Celery takes a job loses it for an hour, and a job that is given out twice is run once."""
WAIT_SECONDS = 60
"""Seconds within which a worker has to begin a job."""
DROP_WAITS = (0, 0.5, 2, 5)
"""Seconds before each attempt to remove a job. After the last one the job goes on for WANT_SECONDS."""
AWAY_SECONDS = 30
"""Seconds within which Redis has to answer again, for a run that has said nothing yet to go on."""
AGAIN_SECONDS = 0.5
LOST = "The connection to the worker was lost. Press Run again."
DEAD = "The worker that ran your program has ended. Your program is kept: press Run again."


class Gone(Exception):  # noqa: N818 - says what happened
    """A job is no longer in Redis, or its worker is dead."""


class Broker:
    """The interface of Pool for workers on other machines.

    size -- jobs that all workers together run at the same time, without those that only answer short reads
    code -- of this process: what a worker with other code answers is shown, and not kept
    """

    def __init__(self, *, url: str, secret: str, code: str, limits: JobLimits, queue: Queue, guests: Queue) -> None:
        self.limits = limits
        self.queue_length = queue.length
        self.size = 0
        self.about: dict[str, Any] = {}
        self._secret = secret
        self._code = code
        self._name = secrets.token_hex(8)
        self._redis = redis.from_url(url)
        self._celery: Celery = engine.application(url)
        self._waiting = {engine.RUNS: queue, engine.GUESTS: guests}
        self._late = {kind: Late(each, functools.partial(self._refuse, each)) for kind, each in self._waiting.items()}
        self._room: Counter[str] = Counter()  # of workers, by what they take
        self._served: frozenset[str] = frozenset()
        self._error = "no worker has reported yet"
        self._closed = False
        self._jobs: dict[Run, asyncio.Task[None]] = {}
        self._places: dict[Run, str] = {}  # the kind of place that a run uses
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._spawn(self._look())

    async def close(self) -> None:
        self._closed = True
        for late in self._late.values():
            late.stop()
        ending = [*self._tasks, *self._jobs.values()]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        await self._redis.aclose()
        await asyncio.to_thread(self._celery.close)

    async def ready(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._error and time.monotonic() < end:
            await asyncio.sleep(0.1)
        return not self._error

    def status(self) -> dict[str, Any]:
        running = sum(run.state == RUNNING for run in self._jobs)
        return {
            "size": self.size,
            "idle": max(0, self.size - running),
            "running": running,
            "queued": sum(map(len, self._waiting.values())),
            "queue_length": self.queue_length,
            "pids": [],
            "error": self._error,
        }

    def admit(self, request: Mapping[str, Any], client: Client) -> None:
        """Busy if a run of this request would be refused now: asked before anything is stored for it."""
        self._waiting[self._kind(request)].admit(client, self.size, held=self._place(request, client) is None)

    def submit(self, run: Run) -> None:
        """Queue a run, or give a short read to the workers at once. Busy."""
        if run.ahead:
            reads = sum(each.ahead for each in self._jobs)
            if reads >= self.queue_length:
                raise Busy(f"The server is busy: {reads} reads are waiting already.", 2, "full")
            self._begin(run, engine.READS, engine.READS)
            return
        kind = self._kind(run.request)
        self._waiting[kind].add(run, self.size, held=self._place(run.request, run.client) is None)
        self._late[kind].watch()
        self._dispatch()

    def cancel(self, run: Run) -> None:
        """Stop a run. A worker learns of it within a second."""
        run.cancelled = True
        for queue in self._waiting.values():
            if run in queue:
                queue.remove(run)
                self._number()
                run.finish({"type": "done", "ms": 0, "cancelled": True})
        if (task := self._jobs.get(run)) is not None:
            task.cancel()

    async def adopt(self, run: Run) -> bool:
        """Follow a run that another web process started, from its first message; False if it is no longer in Redis."""
        try:
            first: Any = await self._redis.xrange(engine.key("out", run.id), count=1)
            if not first or first[0][0] != b"1-0":
                return False
            await self._redis.set(engine.key("owner", run.id), self._name, ex=streams.SILENT_SECONDS)
        except RedisError as error:
            log.error("Redis does not answer: %s", error)
            return False
        run.state = RUNNING
        self._track(run, "", self._follow(run, run.id))
        return True

    def _refuse(self, queue: Queue, run: Run) -> None:
        """Refuse a run that has waited for the longest allowed time."""
        queue.remove(run)
        self._number()
        self._finish(run, queue.too_long(run, self.size))

    def _kind(self, request: Mapping[str, Any]) -> str:
        name = engine.queue_of(request, self._served)
        return engine.GUESTS if name.startswith(engine.GUESTS) else engine.RUNS

    def _place(self, request: Mapping[str, Any], client: Client) -> str | None:
        """The kind of place with which a run of a request may start now, or None.

        A client that has nothing running may use a place of the workers for reads while others use the rest.
        """
        used = Counter(self._places.values())
        kind = self._kind(request)
        if used[kind] < self._room[kind]:
            return kind
        new = client != SERVER and not self._clients()[client.name]
        if kind == engine.RUNS and new and used[engine.FIRST] < self._room[engine.FIRST]:
            return engine.FIRST
        return None

    def _clients(self) -> Counter[str]:
        """Number of running runs by client."""
        return Counter(run.client.name for run in self._jobs if not run.ahead and not run.cancelled)

    def _dispatch(self) -> None:
        for queue in self._waiting.values():
            for over in [run for run in queue if run.state == FINISHED]:
                queue.remove(over)
            while (
                not self._closed
                and (run := queue.next(self._clients())) is not None
                and (place := self._place(run.request, run.client)) is not None
            ):
                queue.take(run)
                metrics.wait_seconds.observe(time.monotonic() - run.since)
                self._begin(run, engine.FIRST if place == engine.FIRST else None, place)
        self._number()

    def _number(self) -> None:
        for queue in self._waiting.values():
            for position, run in enumerate(queue, 1):
                if run.position != position:
                    run.position = position
                    run.expected = queue.expected(position, self.size)
                    run.changed()

    def _begin(self, run: Run, queue: str | None, place: str) -> None:
        name = f"{run.key}-{secrets.token_hex(16)}" if run.ahead else run.id
        self._track(run, place, self._execute(run, name, queue or engine.queue_of(run.request, self._served)))

    def _track(self, run: Run, place: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._jobs[run] = task
        self._places[run] = place
        began = time.monotonic()

        def ended(_: asyncio.Task[None]) -> None:
            del self._jobs[run], self._places[run]
            if place in self._waiting:
                self._waiting[place].took(time.monotonic() - began)
            self._dispatch()

        task.add_done_callback(ended)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        """Poll which workers there are."""
        while not self._closed:
            try:
                said: Any = await self._redis.hgetall(engine.key("about", "workers"))
                self._learn(_fresh(said, self._secret))
            except RedisError as error:
                self._error = f"Redis does not answer: {error}"
            self._dispatch()
            await asyncio.sleep(BEAT_SECONDS if not self._error else 0.5)

    def _learn(self, workers: list[dict[str, Any]]) -> None:
        room: Counter[str] = Counter()
        for worker in workers:
            taken = set(worker["queues"])
            room[engine.RUNS] += worker["size"] if engine.RUNS in taken else 0
            room[engine.GUESTS] += worker["size"] if engine.GUESTS in taken else 0
            # One place of the workers for reads stays free for reads.
            only_reads = engine.FIRST in taken and engine.RUNS not in taken
            room[engine.FIRST] += max(0, worker["size"] - 1) if only_reads else 0
        self._served = frozenset(name for worker in workers for name in worker["queues"])
        missing = [name for name in (engine.READS, engine.RUNS) if name not in self._served]
        self._error = f"no worker is available for {' and '.join(missing)}" if missing else ""
        self._room = room
        self.size = room[engine.RUNS]
        kernels = sorted({name for worker in workers for name in worker["about"].get("guests", [])})
        self.about = {**workers[0]["about"], "guests": kernels} if workers else {}
        if kernels:  # of some worker, which gets the jobs for them
            self.about["kernels_missing"] = ""

    async def _push(self, name: str, queue: str, priority: int) -> None:
        """Give a job to Celery. OperationalError."""
        await asyncio.to_thread(
            self._celery.send_task,
            engine.TASK,
            args=[name],
            queue=queue,
            priority=priority,
            retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.5},
        )

    async def _execute(self, run: Run, name: str, queue: str) -> None:
        """Store a job for the workers, and follow it."""
        sizes = {each: path.stat().st_size for each, path in run.files.items()}
        job = {"request": run.request, "files": sizes, "patience": run.patience}
        priority = engine.LATER if run.client == SERVER and not run.ahead else engine.URGENT
        try:
            data = await asyncio.to_thread(_encoded, self._secret, name, job)
            give = partial(self._give_out, run, name, data, queue, priority)
            await give()
        except (RedisError, OperationalError, OSError) as error:
            log.error("a run could not be given to the workers: %s", error, extra={"run": run.id})
            self._finish(run, {"type": "error", "code": "internal", "message": LOST})
            return
        except asyncio.CancelledError:
            self._finish(run)
            self._spawn(self._drop(name))
            raise
        await self._follow(run, name, give)

    async def _give_out(self, run: Run, name: str, data: bytes, queue: str, priority: int) -> None:
        """Store a job and give it to Celery, when Redis answers. RedisError, OperationalError, after AWAY_SECONDS."""
        end, given = time.monotonic() + AWAY_SECONDS, False
        while not given:
            try:
                await self._redis.set(engine.key("want", name), data, ex=WANT_SECONDS)
                await self._push(name, queue, priority)
                given = True
            except (RedisError, OperationalError):
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            if run.cancelled:
                raise asyncio.CancelledError

    async def _follow(self, run: Run, name: str, again: Callable[[], Awaitable[None]] | None = None) -> None:
        """Copy what a job says into its run until it ends. again -- gives it out once more"""
        start = time.monotonic()
        kind = metrics.kind(run.request)
        outcome, drop = "done", True
        try:
            while True:
                try:
                    await self._copy(run, name, again)
                    break
                except RedisError as error:
                    if again is None or run.record.entries:
                        raise
                    log.warning("Redis does not answer: %s", error, extra={"run": run.id})
                    run.state = QUEUED
                    await again()
            drop = run.ahead
        except asyncio.CancelledError:
            outcome, run.cancelled = "cancelled", True
            self._finish(run)
            raise
        except Gone:
            outcome = "error_crashed"
            self._finish(run, {"type": "error", "code": "crashed", "message": DEAD})
        except (RedisError, FrameError, Forged, streams.Lost, OperationalError, OSError) as error:
            outcome = "error_internal"
            log.error("a run was lost on its way: %s", error, extra={"run": run.id})
            self._finish(run, {"type": "error", "code": "internal", "message": LOST})
        finally:
            metrics.run_seconds.labels(kind).observe(time.monotonic() - start)
            metrics.runs.labels(kind, outcome).inc()
            if drop:
                self._spawn(self._drop(name))

    async def _drop(self, name: str) -> None:
        """Remove a job from Redis, unless another web process has taken it over: its worker stops then."""
        for wait in DROP_WAITS:
            await asyncio.sleep(wait)
            with contextlib.suppress(RedisError):
                owner: Any = await self._redis.get(engine.key("owner", name))
                if owner is None or owner == self._name.encode():
                    await self._redis.delete(*(engine.key(kind, name) for kind in ("want", "out", "file", "read")))
                return

    async def _copy(self, run: Run, name: str, again: Callable[[], Awaitable[None]] | None) -> None:
        heard = False  # of a worker that has begun
        doubts = 0
        given = began = beaten = time.monotonic()
        async for entry in streams.read(self._redis, self._secret, name):
            if run.cancelled or self._closed:
                # asyncio.wait_for, with which the Redis client sends, loses a cancellation before Python 3.12.
                raise asyncio.CancelledError
            if entry is None or time.monotonic() - beaten > BEAT_SECONDS:
                beaten = time.monotonic()
                wanted = await self._redis.expire(engine.key("want", name), WANT_SECONDS)
                alive = await self._redis.exists(engine.key("alive", name)) if heard else beaten - given < START_SECONDS
                # Its last words may have come after the last look for them.
                doubts = 0 if wanted and alive else doubts + 1
            if entry is None:
                if doubts > 1:
                    lost = run.retried or run.record.entries if heard else beaten - began > WAIT_SECONDS
                    if again is None or lost or (not wanted and await self._is_theirs(name)):
                        raise Gone
                    run.retried, run.state = run.retried or heard, QUEUED
                    if not wanted:
                        raise RedisError("a job is no longer there")
                    heard, doubts, given = False, 0, beaten
                    await again()
                continue
            doubts = 0
            letter, data = entry
            if letter == streams.STARTED:
                heard, run.state, run.position = True, RUNNING, 0
                run.changed()
            elif letter == streams.FRAME:
                frame = read_frame(io.BytesIO(data))
                if frame is None:
                    raise FrameError("an empty frame")
                run.append(frame)
            elif letter == streams.NEED:
                await self._give(run, data.decode(), name)
            elif letter == streams.END:
                said = json.loads(data)
                # A read is kept nowhere: it answers from what it was given.
                run.good = said["good"] is True and (run.ahead or said.get("code") == self._code)
                run.finish()
                await self._redis.delete(engine.key("want", name))
                return
            else:
                raise FrameError("an entry of no kind")
            heard = True

    async def _is_theirs(self, name: str) -> bool:
        """Whether another web process has taken a job over; if none has, a job that is not there was lost by Redis."""
        owner: Any = await self._redis.get(engine.key("owner", name))
        return owner not in (None, self._name.encode())

    async def _give(self, run: Run, file: str, name: str) -> None:
        """Send a file of the run to the worker that asked for it."""
        if file not in run.files:
            raise FrameError(f"a worker asks for a file that its job does not have: {file!r}")

        async def going() -> bool:
            return bool(await self._redis.exists(engine.key("alive", name)))

        await give(self._redis, self._secret, engine.key("file", name), run.files[file], going)

    def _finish(self, run: Run, *last: dict[str, Any]) -> None:
        try:
            run.finish(*last, {"type": "done", "ms": 0, "cancelled": run.cancelled})
        except OSError:
            log.exception("the end of a run could not be written down")


def _encoded(secret: str, name: str, job: dict[str, Any]) -> bytes:
    data = json.dumps(job, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return seal(secret, f"job {name}", zlib.compress(data, 1))


def _fresh(said: Mapping[bytes, bytes], secret: str) -> list[dict[str, Any]]:
    """What workers say about themselves, without those that are dead and what no worker has signed."""
    found = []
    for name, sealed in sorted(said.items()):
        try:
            worker = json.loads(unseal(secret, f"about {name.decode()}", sealed))
        except Forged:
            log.warning("something in Redis is not signed by a worker of this server")
            continue
        if worker["at"] > time.time() - ALIVE_SECONDS:
            found.append(worker)
    return found
