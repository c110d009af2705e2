"""The pool: a fixed number of started workers, one job per worker, and a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground import metrics
from playground.config.limits import JobLimits
from playground.jobs.frames import END, FACTS, PATIENCE, FrameError
from playground.jobs.process import START_SECONDS, Worker, WorkerDied, sweep
from playground.jobs.queue import SERVER, Client, Late, Queue
from playground.jobs.reaper import reap_orphans
from playground.jobs.record import KEPT
from playground.jobs.run import FINISHED, QUEUED, RUNNING, Run
from playground.jobs.storage import refusal
from playground.jobs.uploads import place

log = logging.getLogger("playground.pool")
MEASURE_SECONDS = 0.25
SETTLED_SECONDS = 0.5  # after a job, when its memory was freed
READ_SECONDS = 15  # for a read of a stored run
PATIENT_SECONDS = 1
"""Time after which a read that nobody clicked for waits no longer than others."""
RETRY_SECONDS = (0.2, 1, 5, 15)


class Exceeded(Exception):
    """A job exceeded one of its limits."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


def _unasked(run: Run) -> bool:
    """Whether a run is a read that a page does by itself, with each step."""
    return run.ahead and run.request.get("kind") == FACTS


def _outcome(run: Run, last: list[dict[str, Any]]) -> str:
    """The label for how a job ended."""
    if run.cancelled:
        return "cancelled"
    for message in last:
        if message["type"] == "limit":
            return f"limit_{message['limit']}"
        if message["type"] == "error":
            return f"error_{message['code']}"
    return "done" if run.good else "failed"


class Pool:
    """Runs at most `size` jobs at once on size + 1 workers: the spare worker is ready if another one is killed.

    A client without a running job may use the spare while other clients use the rest; then another spare is started.
    Workers are replaced one at a time, after different numbers of runs; short reads do not count, for a person makes
    hundreds of them in a minute. A worker that is due takes further jobs until its successor has started, so that a
    busy pool never waits for a start.
    """

    def __init__(
        self,
        *,
        job: str,
        size: int,
        limits: JobLimits,
        queue: Queue,
        jobs_per_worker: int = 100,
        growth: float = 0.5,
        base: Path,
        temporary: Path,
    ) -> None:
        self.job = job
        self.size = size
        self.limits = limits
        self.jobs_per_worker = jobs_per_worker
        self.growth = growth
        self.about: dict[str, Any] = {}
        self.start_error = ""
        self._base = base
        self._temporary = temporary
        self._idle: deque[Worker] = deque()
        self._busy: dict[Run, Worker] = {}
        self._leaving: set[Worker] = set()  # no longer used, but not ended yet
        self._queue = queue
        self._late = Late(queue, self._refuse)
        self._reads: deque[Run] = deque()  # short reads of stored runs, which do not wait for runs
        self._read_last = False  # what was started last
        self._starting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Start the workers in the background; jobs may be submitted immediately."""
        sweep(self._temporary)
        self._spawn_task(reap_orphans())
        self._fill()

    async def close(self) -> None:
        """Kill all workers and their jobs; call Service.drain before to let runs end."""
        self._closed = True
        self._late.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for read in list(self._reads):
            self.cancel(read)
        workers = {*self._idle, *self._busy.values(), *self._leaving}
        self._idle.clear()
        await asyncio.gather(*(worker.kill() for worker in workers))

    async def ready(self, seconds: float) -> bool:
        """Wait at most `seconds` until a worker is ready."""
        end = time.monotonic() + seconds
        while not self._idle and time.monotonic() < end and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.01, end - time.monotonic())):
                    await self._changed.wait()
        return bool(self._idle)

    def status(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "idle": len(self._idle),
            "running": len(self._busy),
            "queued": len(self._queue),
            "queue_length": self._queue.length,
            "pids": [worker.pid for worker in (*self._idle, *self._busy.values())],
            "memory": max((worker.memory for worker in (*self._idle, *self._busy.values())), default=0),
            "files": max((worker.files for worker in (*self._idle, *self._busy.values())), default=0),
            "error": self.start_error,
        }

    def admit(self, request: Mapping[str, Any], client: Client) -> None:
        """Busy if a run of this request would be refused now: asked before anything is stored for it."""
        self._queue.admit(client, self.size, held=not self._may_start(client))

    def submit(self, run: Run) -> None:
        """Queue a run; it starts at once if a worker is free. Raises Busy if it would wait too long.

        A run with `ahead` is a short read of a stored run. Reads have a separate queue and may use the spare worker:
        they do not wait for runs, and runs wait for at most one of them.
        """
        if run.ahead:
            run.since = time.monotonic()
            self._reads.append(run)
        else:
            self._queue.add(run, self.size, held=not self._may_start(run.client))
            self._late.watch()
        self._dispatch()

    def _refuse(self, run: Run) -> None:
        """Refuse a run that has waited for the longest allowed time."""
        self._queue.remove(run)
        self._number()
        error = self._queue.too_long(run, self.size)
        self._finish(run, [error], run.since)

    def cancel(self, run: Run) -> None:
        """Stop a run: remove it from the queue, or kill its worker."""
        run.cancelled = True
        waiting = self._reads if run.ahead else self._queue
        if run in waiting:
            waiting.remove(run)
            self._number()
            run.finish({"type": "done", "ms": 0, "cancelled": True})
        elif (worker := self._busy.get(run)) is not None:
            self._end(worker)
            self._dispatch()

    def _clients(self) -> Counter[str]:
        """Number of running runs by client."""
        return Counter(run.client.name for run in self._busy if not run.cancelled and not run.ahead)

    def _may_start(self, client: Client) -> bool:
        """Whether a run can get a worker: one of the `size` workers, or the spare if its client has nothing running."""
        running = self._running(ahead=False)
        new = client != SERVER and not self._clients()[client.name]
        return running < self.size + new

    def _running(self, *, ahead: bool) -> int:
        """Number of running runs, or reads, without cancelled ones: their workers are being killed and replaced."""
        return sum(not run.cancelled and run.ahead == ahead for run in self._busy)

    def _end(self, worker: Worker) -> None:
        """Kill a worker and remove its files, in the background."""
        self._leaving.add(worker)
        self._spawn_task(self._kill(worker))

    async def _kill(self, worker: Worker) -> None:
        await worker.kill()
        self._leaving.discard(worker)

    def _dispatch(self) -> None:
        # A run that was finished while it waited, because the server stops, needs no worker.
        for over in [run for run in self._queue if run.state == FINISHED]:
            self._queue.remove(over)
        while self._idle and (run := self._next()) is not None:
            # A read goes to the worker that was used last, which mostly read the same program a moment ago.
            worker = self._idle.pop() if run.ahead else self._idle.popleft()
            if worker.ended():  # _watch has not been told yet
                self._end(worker)
                self._fill()
                continue
            if run.ahead:
                self._reads.remove(run)
            else:
                self._queue.take(run)
            self._read_last = run.ahead
            self._busy[run] = worker
            run.state = RUNNING
            run.position = 0
            if not run.ahead:
                metrics.wait_seconds.observe(time.monotonic() - run.since)
            run.changed()
            self._spawn_task(self._execute(worker, run))
        self._number()

    def _next(self) -> Run | None:
        """What an idle worker starts next: runs and reads alternate if both wait, so that neither starves."""
        run = self._queue.next(self._clients())
        if run is not None and not self._may_start(run.client):
            run = None
        read = self._next_read()
        # While runs wait, one read at a time, on the spare; otherwise one worker stays free for the next run, but for
        # a moment: what somebody clicked does not wait for what nobody asked for.
        most = 1 if self._queue else self.size
        if read is not None and not _unasked(read) and not self._queue:
            most += any(_unasked(run) for run in self._busy)
        if read is not None and self._running(ahead=True) < most and (run is None or not self._read_last):
            return read
        return run

    def _next_read(self) -> Run | None:
        """The oldest read that somebody waits for; else the oldest one."""
        patient = time.monotonic() - PATIENT_SECONDS
        asked = (read for read in self._reads if not _unasked(read) or read.since < patient)
        return next(asked, self._reads[0] if self._reads else None)

    def _number(self) -> None:
        for position, run in enumerate(self._queue, 1):
            if run.position != position:
                run.position = position
                run.expected = self._queue.expected(position, self.size)
                run.changed()

    async def _execute(self, worker: Worker, run: Run) -> None:
        start = time.monotonic()
        kind = metrics.kind(run.request)
        reuse = again = False
        last: list[dict[str, Any]] = []
        try:
            reuse = await self._supervise(worker, run)
        except Exceeded as error:
            last = [{"type": "limit", "limit": error.limit, "message": self.limits.sentence(error.limit)}]
        except WorkerDied as error:
            # A worker that died before its first message may have been dead when it got the job.
            again = not (run.cancelled or run.retried or run.record.entries or self._closed)
            last = [] if run.cancelled else [self._death(run, error.status)]
        except FrameError as error:
            log.error("a worker is not to be trusted: %s", error, extra={"run": run.id})
            message = "The worker sent an invalid message and was stopped."
            last = [{"type": "error", "code": "internal", "message": message}]
        except OSError as error:
            log.error("a run could not be written down: %s", error, extra={"run": run.id})
            message = refusal(error, "run")
            last = [{"type": "error", "code": "disk", "message": message}]
        finally:
            self._busy.pop(run, None)
            worker.jobs += 1
            worker.runs += not run.ahead
            # A run that was cancelled as it ended has a worker that is being killed.
            keep = reuse and not run.cancelled and not self._closed
            if keep:
                self._idle.append(worker)
                asyncio.get_running_loop().call_later(SETTLED_SECONDS, self._measure, worker)
            # The user gets the answer before the clean-up.
            if again:
                run.retried, run.state = True, QUEUED
                if run.ahead:
                    self._reads.appendleft(run)
                else:
                    self._queue.again(run)
            else:
                if not run.ahead:
                    self._queue.took(time.monotonic() - start)
                metrics.run_seconds.labels(kind).observe(time.monotonic() - start)
                metrics.runs.labels(kind, _outcome(run, last)).inc()
                self._finish(run, last, start)
            if not keep:
                metrics.worker_ends.labels("job").inc()
                self._end(worker)
            self._fill()
            self._dispatch()

    def _finish(self, run: Run, last: list[dict[str, Any]], start: float) -> None:
        done = {"type": "done", "ms": round((time.monotonic() - start) * 1000, 1), "cancelled": run.cancelled}
        try:
            run.finish(*last, done)
        except OSError:
            log.exception("the end of a run could not be written down")

    def _death(self, run: Run, status: int) -> dict[str, Any]:
        if status == -signal.SIGXCPU:
            return {"type": "limit", "limit": "cpu", "message": self.limits.sentence("cpu")}
        why = f"signal {-status}" if status < 0 else f"status {status}"
        log.warning("a worker ended in the middle of a job with %s", why, extra={"run": run.id})
        message = (
            f"The process that ran your program ended in the middle ({why}). "
            "Your program is kept, and a new process is ready: press Run again."
        )
        return {"type": "error", "code": "crashed", "message": message}

    async def _supervise(self, worker: Worker, run: Run) -> bool:
        """Copy frames until the job ends; True when the worker may take another."""
        job = asyncio.ensure_future(self._copy(worker, run))
        before = worker.measure(self.limits, self.growth).cpu
        worker.work()
        seconds, most_cpu = self.limits.seconds * run.patience, self.limits.cpu_seconds * run.patience
        deadline = time.monotonic() + (min(READ_SECONDS, seconds) if run.ahead else seconds)
        try:
            while True:
                left = deadline - time.monotonic()
                done, _ = await asyncio.wait({job}, timeout=max(0.0, min(MEASURE_SECONDS, left)))
                if done:
                    return job.result()
                if time.monotonic() >= deadline:
                    raise Exceeded("time")
                used = worker.use()
                if used.memory > self.limits.memory:
                    raise Exceeded("memory")
                if used.cpu - before > most_cpu:
                    raise Exceeded("cpu")
        finally:
            job.cancel()
            with contextlib.suppress(BaseException):
                await job

    async def _copy(self, worker: Worker, run: Run) -> bool:
        if run.state == FINISHED:
            return True  # by a server that stops, before the worker was given anything
        for name, path in run.files.items():
            await asyncio.to_thread(place, path, worker.folder / name)
        await worker.send({**run.request, PATIENCE: run.patience} if run.patience != 1 else run.request)
        while True:
            frame = await worker.read()
            if frame.kind in KEPT:
                run.append(frame)
                if run.record.size > self.limits.output:
                    raise Exceeded("output")
            elif frame.kind == END:
                end = frame.value()
                run.good = bool(end.get("cacheable"))
                worker.files = int(end.get("files", 0))
                metrics.stages(end.get("stages"))
                if end.get("traceback"):
                    log.error("a job failed:\n%s", end["traceback"], extra={"run": run.id})
                return bool(end.get("reuse"))
            else:
                raise FrameError("a worker said it was ready in the middle of a job")

    def _measure(self, worker: Worker) -> None:
        """Measure a worker whose job is over; one that has grown is replaced."""
        if worker not in self._idle or self._closed:
            return
        worker.rest(worker.measure(self.limits, self.growth))
        if worker.grown:
            log.info("a worker has grown (%s) and is replaced", worker.grown)
            self._fill()

    def _fill(self) -> None:
        """Start workers until there are enough, counting those that are starting."""
        self._retire()
        while not self._closed and self._workers() + self._starting < self._wanted():
            self._starting += 1
            self._spawn_task(self._start_worker())

    def _wanted(self) -> int:
        """Number of workers: size + 1; one more while one is replaced, and one more while a run uses the spare."""
        due = any(worker.due() for worker in (*self._idle, *self._busy.values()))
        return self.size + 1 + due + (self._running(ahead=False) > self.size)

    def _workers(self) -> int:
        return len(self._idle) + len(self._busy)

    def _retire(self) -> None:
        """End an idle worker whose replacement is ready, or that is no longer needed."""
        old = next((worker for worker in self._idle if worker.due()), None)
        most = self.size + 1 + (self._running(ahead=False) > self.size)
        if old is None and self._workers() > self._wanted() and self._idle:
            old = self._idle[-1]
        if old is not None and self._workers() > most and not self._closed:
            metrics.worker_ends.labels(old.grown or ("renewed" if old.due() else "spare")).inc()
            self._idle.remove(old)
            self._end(old)

    async def _watch(self, worker: Worker) -> None:
        """Replace a worker that ends while it is idle; _execute handles one that ends in a job."""
        status = await worker.process.wait()
        if worker in self._idle and not self._closed:
            log.warning("an idle worker ended with %d, and is replaced", status)
            metrics.worker_ends.labels("idle").inc()
            self._idle.remove(worker)
            self._end(worker)
            self._fill()

    async def _start_worker(self) -> None:
        attempt, started = 0, False
        try:
            while not self._closed:
                try:
                    worker = await Worker.start(self.job, self.limits, self._base, self._temporary)
                except (OSError, WorkerDied, FrameError, TimeoutError) as error:
                    why = str(error) or f"it was not ready within {START_SECONDS} seconds"
                    self.start_error = f"no worker starts: {why}"
                    log.error("%s", self.start_error)
                    await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                    attempt += 1
                    continue
                self.start_error = ""
                if worker.about.get("failed") and worker.about["failed"] != self.about.get("failed"):
                    log.warning("a worker came up, but not whole: %s", "; ".join(worker.about["failed"]))
                self.about = worker.about
                # A different number of runs for each worker, so that they are not all due at the same time.
                worker.due_at = max(1, self.jobs_per_worker - 1 - random.randrange(max(1, self.jobs_per_worker // 2)))
                self._idle.append(worker)
                self._spawn_task(self._watch(worker))
                started = True
                return
        finally:
            self._starting -= 1
            if started:
                self._fill()
            event, self._changed = self._changed, asyncio.Event()
            event.set()
            self._dispatch()

    def _spawn_task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
