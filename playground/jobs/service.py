"""The web process's interface to runs: starting, finding and reading them."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib.metadata
import json
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings

from playground import disk, metrics
from playground.config.limits import JobLimits
from playground.examples import all_examples
from playground.jobs.frames import (
    MATRIX,
    REAL,
    RECORD,
    UPLOAD,
    FrameError,
)
from playground.jobs.pool import Pool
from playground.jobs.queue import SERVER, Busy, Client, Queue, Rate
from playground.jobs.reading import Reader, Unreadable
from playground.jobs.record import Entry, Record
from playground.jobs.run import FINISHED, Run
from playground.jobs.store import Store, request_key
from playground.jobs.uploads import Uploads, patience
from playground.messages.asked import LAST, OF_INPUT
from playground.places import LOG as LOG_UPLOAD
from playground.places import MOST, NAMES, folded, uploads_of
from playground.requests import too_long

if TYPE_CHECKING:
    from playground.jobs.broker import Broker
    from playground.jobs.others import Others

log = logging.getLogger("playground.service")
T = TypeVar("T")
# Time for a lost connection to resume before its run is stopped.
GRACE_SECONDS = 20
DELIVERY_SECONDS = 8
"""Longest time in which a server that stops sends what clients have still to be told."""
DELIVERY_WAIT = 0.1
KEPT_RUNS = 512
MOST_PARSING = 32
"""Large messages that wait to be read; further ones are refused as busy."""
FIRST_PAINT_BYTES = 2 << 20
RUN_ID = re.compile("[0-9a-z]{32}-[0-9a-f]{8}")
"""Ids of runs, not those that name a stored answer."""
CODE = ("vm", "playground/present", "playground/jobs/worker.py")


class Gone(Exception):
    """A file that was uploaded for a run no longer exists."""

    def __init__(self) -> None:
        super().__init__("An uploaded file is no longer on the server: drop the file again.")


class Closing(Exception):
    """The server is stopping and takes no new runs."""


@functools.cache
def version() -> str:
    """A digest of all code and data that determine answers."""
    digest = hashlib.sha256()
    for place in CODE:
        root = settings.BASE_DIR / place
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            made = {"__pycache__", ".native"} & set(path.parts)  # from the sources, by whoever runs them
            if not made and path.is_file():
                digest.update(str(path.relative_to(settings.BASE_DIR)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def toolchain() -> str:
    """Identifies the C compiler; compilers with different output have different values."""
    named = os.environ.get("BPFSCOPE_CLANG", "")
    if named:
        try:
            about = Path(named).stat()
        except OSError:
            return f"{named} (not there)"
        return f"{named} {about.st_size} {about.st_mtime_ns}"
    return f"ziglang {importlib.metadata.version('ziglang')}"


@functools.cache
def store() -> Store:
    return Store(settings.SPOOL_DIR / version(), settings.SPOOL_MB << 20)


def key_of(request: Mapping[str, Any]) -> str:
    """The key under which the answer to a checked request is stored: the same for a long text and for its upload."""
    return request_key(folded(dict(request), uploads().id_of)[0], toolchain(), version(), settings.SECRET_KEY)


@functools.cache
def _uploads_in(folder: Path) -> Uploads:
    most, of_client = settings.UPLOADS_MB << 20, settings.UPLOADS_MB_PER_ADDRESS << 20
    return Uploads(folder / "uploads", settings.SECRET_KEY, most, of_client)


def uploads() -> Uploads:
    """The files that were uploaded."""
    return _uploads_in(store().folder)


def most_of(kind: str) -> int:
    """Largest number of bytes of an upload of a kind."""
    return settings.UPLOAD_MB << 20 if kind == LOG_UPLOAD else MOST[kind]


def first_entries(record: Record) -> Iterable[Entry]:
    """The frames that are sent without a request: messages, and the first chunk of steps of each stage."""
    return (entry for entry in record.entries if entry.unasked)


def stored_record(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The Record of docs/web.md for a page's first paint, or None when the run is not stored or is large."""
    key = key_of(request)
    record = store().find(key)
    if record is None:
        return None
    try:
        entries = list(first_entries(record))
        if sum(entry.raw for entry in entries) > FIRST_PAINT_BYTES:
            return None
        said = [json.loads(record.text(entry)) for entry in entries]
    except (FrameError, ValueError) as error:
        log.warning("a damaged stored record is removed: %s", error)
        store().discard(record)
        return None
    except OSError as error:
        log.error("a stored record cannot be read: %s", error)
        return None
    finally:
        record.close()
    run_id = f"{key}-stored"
    return {"run": run_id, "messages": [{"type": "accepted", "run": run_id}, *said]}


def job_limits() -> JobLimits:
    return JobLimits(
        seconds=settings.JOB_SECONDS,
        cpu_seconds=settings.JOB_CPU_SECONDS,
        memory=settings.JOB_MEMORY_MB << 20,
        output=settings.JOB_OUTPUT_MB << 20,
        file_size=settings.JOB_FILE_MB << 20,
    )


def _queue() -> Queue:
    return Queue(settings.QUEUE_LENGTH, settings.QUEUE_PER_ADDRESS, settings.QUEUE_SECONDS)


def local_pool() -> Pool:
    """Workers of this machine."""
    return Pool(
        job=settings.JOB_FUNCTION,
        size=settings.WORKERS,
        limits=job_limits(),
        queue=_queue(),
        jobs_per_worker=settings.JOBS_PER_WORKER,
        growth=settings.WORKER_GROWTH_PERCENT / 100,
        base=settings.BASE_DIR,
        temporary=settings.VAR_DIR / "tmp",
    )


def remote_pool() -> Broker:
    """Workers of other machines, or of other processes here."""
    from playground.jobs.broker import Broker  # celery and redis are installed only where they are used

    return Broker(
        url=settings.REDIS_URL,
        secret=settings.JOB_KEY,
        code=version(),
        limits=job_limits(),
        queue=_queue(),
        guests=_queue(),
    )


def others(replaced: Callable[[str], None]) -> Others | None:
    """What tells other web processes that use the same workers; None where this one has its own."""
    if not settings.REDIS_URL:
        return None
    from playground.jobs.others import Others

    return Others(url=settings.REDIS_URL, secret=settings.JOB_KEY, replaced=replaced)


class Parsing:
    """Reads large messages in a thread, one at a time; then a pause as long as it took, so that others are served."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def understood(self, read: Callable[[], T]) -> T:
        """What `read` returns, or raises. Busy if too many wait."""
        if self._waiting >= MOST_PARSING:
            raise Busy("The server is busy with other large messages.", 1, "parsing")
        self._waiting += 1
        try:
            async with self._lock:
                start = time.monotonic()
                try:
                    return await asyncio.to_thread(read)
                finally:
                    await asyncio.sleep(time.monotonic() - start)
        finally:
            self._waiting -= 1


class Service:
    """The runs of one web process: at most one at a time per request; recent runs can be found by id."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pool: Pool | Broker = remote_pool() if settings.REDIS_URL else local_pool()
        self.others = others(self.replaced)
        self.store = store()
        self.store.pinned = {key_of(example.request) for example in all_examples().values()}
        self.parsing = Parsing()
        self.readers: set[asyncio.Task[None]] = set()  # one for each socket that is told of a run
        self.uploads = uploads()
        self.rate = Rate(settings.RUNS_PER_MINUTE)
        self.closing = False
        self.reads = Reader(self.pool, self.store, self.damaged)
        self._by_id: dict[str, Run] = {}
        self._by_key: dict[str, Run] = {}

    def start(self) -> None:
        self.store.start(settings.SPOOL_DIR)
        self.uploads.start()
        self.pool.start()
        if self.others is not None:
            self.others.start()

    async def close(self) -> None:
        if self.others is not None:
            await self.others.close()
        await self.pool.close()
        for run in list(self._by_id.values()):
            self._forget(run)

    async def drain(self, seconds: float, give_up: Callable[[], bool] = bool) -> None:
        """Take no new runs, wait at most `seconds` for the current ones, then stop them with an error message."""
        self.closing = True
        end = time.monotonic() + seconds
        if self.readers and seconds:
            log.info("waiting for runs to end: %d, at most %g seconds", len(self.readers), seconds)
        while self.readers and time.monotonic() < end and not give_up():
            await asyncio.sleep(0.05)
        for run in [run for run in self._by_id.values() if run.state != FINISHED]:
            message = "The server is being restarted, so this run was stopped. Press Run again in a moment."
            run.finish(
                {"type": "error", "code": "restart", "message": message}, {"type": "done", "ms": 0, "cancelled": False}
            )
        # In short waits: a machine that stands still for seconds takes one of them, not the whole time.
        for _ in range(int(DELIVERY_SECONDS / DELIVERY_WAIT)):
            if self.readers:
                await asyncio.wait(self.readers, timeout=DELIVERY_WAIT)

    def open(self, request: dict[str, Any], key: str = "", client: Client = SERVER) -> Run:
        """The run that answers `request`: a current one, a stored one, or a new one.

        key    -- key_of(request), if the caller has it
        client -- the client that a new run is counted for
        Busy, Closing, Gone, BadRequest (an upload is too long), or OSError (disk).
        """
        key = key or key_of(request)
        run = self._by_key.get(key)
        if run is not None and not run.cancelled and (run.state != FINISHED or run.good):
            return run
        record = self.store.find(key)
        if record is not None:
            return self._remember(Run(key, request, record, stored=True))
        if self.closing:
            raise Closing
        self.pool.admit(request, client)
        disk.need()
        uploaded, lengths = self._claim(uploads_of(request))
        try:
            self.rate.count(client)
            run = Run(key, request, self.store.begin(key))
        except BaseException:
            self._release(uploaded)
            raise
        run.client = client
        run.uploads = uploaded
        run.files = {UPLOAD + name: self.uploads.path(name) for name in uploaded}
        run.patience += patience(sum(lengths[name] for name, kind in uploaded.items() if kind == LOG_UPLOAD))
        run.on_finish = self._finished
        try:
            self.pool.submit(run)
        except BaseException:
            self._release(uploaded)
            run.record.close()
            self.store.discard(run.record)
            raise
        return self._remember(run)

    def stored(self, request: dict[str, Any]) -> bool:
        """Whether a checked request can be answered without a new run."""
        key = key_of(request)
        run = self._by_key.get(key)
        if run is not None and not run.cancelled and (run.state != FINISHED or run.good):
            return True
        record = self.store.find(key)
        if record is not None:
            record.close()
        return record is not None

    def _claim(self, named: dict[str, str]) -> tuple[dict[str, str], dict[str, int]]:
        """Keep the uploads of a request, by id with their kinds; their lengths. Gone, BadRequest."""
        claimed: dict[str, str] = {}
        lengths: dict[str, int] = {}
        try:
            for name, kind in named.items():
                length = self.uploads.claim(name)
                if length is None:
                    raise Gone
                claimed[name], lengths[name] = kind, length
                if length > most_of(kind):
                    raise too_long(NAMES[kind], length, most_of(kind))
        except BaseException:
            self._release(claimed)
            raise
        return claimed, lengths

    def _release(self, claimed: Iterable[str]) -> None:
        for name in claimed:
            self.uploads.release(name)

    async def analysis(
        self, kind: str, request: dict[str, Any], client: Client = SERVER, more: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[str, None]:
        """Yields the messages that answer a question about a program; they are stored like those of a run.

        kind -- one of playground.present.analyses.ANALYSES
        request -- a checked request of a run; more -- what else the question says, checked
            `take` of a question to real kernels says whether a stored answer will do
        For each client one after the other. Unreadable, Busy, Closing, OSError.
        """
        async with self.reads.turn(f"{kind} {client.name}"):
            question = self.question(kind, request, more or {})
            self._take(question, (more or {}).get("take", "any"))
            run = self.open(question, client=client)
            fresh = run.state != FINISHED
            self.watch(run)
            answered = False
            try:
                place = 0
                while True:
                    change = run.change()
                    finished = run.state == FINISHED
                    while place < len(run.record.entries):
                        said = run.record.frame(place).value()
                        place += 1
                        if said["type"] in ("error", "limit"):
                            raise Unreadable(said["message"])
                        if said["type"] == "emulated" and fresh:
                            self._alarm(said)
                        answered = answered or said["type"] == LAST[kind]
                        if said["type"] != "done":
                            yield json.dumps(said, separators=(",", ":"), ensure_ascii=False)
                    if finished:
                        return
                    await change.wait()
            except FrameError as error:
                raise self.reads.damaged(run, str(error)) from None
            finally:
                # Who has the whole answer may leave before the worker has put everything away: it is kept all the same.
                self.leave(run, at_once=not answered)

    def question(self, kind: str, request: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
        """A question as it is run and stored; arguments as of analysis().

        Without the request's input where the answer does not depend on it. An answer of real kernels is one of those
        that the workers have.
        """
        about = request if kind in OF_INPUT else {**request, "input": {"kind": "auto"}}
        asked = {"guests": self.pool.about.get("guests", [])} if kind in (MATRIX, REAL, RECORD) else {}
        return {
            "kind": kind,
            "request": about,
            **asked,
            **{name: told for name, told in more.items() if name != "take"},
        }

    @staticmethod
    def _alarm(said: Mapping[str, Any]) -> None:
        """Log and count it if the emulation differs from the real kernel that it emulates."""
        held = said.get("verified")
        if isinstance(held, dict) and held.get("where"):
            metrics.differences.inc()
            known = {name: str(held.get(name))[:400] for name in ("release", "where", "ours", "theirs")}
            log.warning("the emulation differs from Linux %(release)s in %(where)s: %(ours)r, not %(theirs)r", known)

    def _take(self, question: dict[str, Any], take: str) -> None:
        """Forget the stored answer of a question that is asked anew. Unreadable if there is none where it has to be."""
        if take == "stored" and not self.stored(question):
            raise Unreadable("What the kernels said is no longer stored on the server; ask them again.")
        if take != "new" or not self.stored(question):
            return
        known = self._by_key.pop(key_of(question), None)
        if known is None:
            record = self.store.find(key_of(question))
            if record is not None:
                self.store.discard(record)
                record.close()
        elif known.state == FINISHED:
            known.good = False
            self.store.discard(known.record)

    def damaged(self, run: Run, why: str) -> None:
        """Remove a damaged run, so that the same request is run again."""
        log.warning("a damaged stored record is removed: %s", why)
        run.good = False
        if run.state == FINISHED:
            self.store.discard(run.record)
        if self._by_key.get(run.key) is run:
            del self._by_key[run.key]

    def replace(self, run_id: str) -> None:
        """Stop a run without watchers, because its client has started another one, in whichever web process it is."""
        if run_id not in self._by_id and self.others is not None and RUN_ID.fullmatch(run_id):
            self.others.replace(run_id)
        self.replaced(run_id)

    def replaced(self, run_id: str) -> None:
        """Stop a run of this process without watchers, because its client has started another one."""
        run = self._by_id.get(run_id)
        if run is not None and not run.watchers and run.state != FINISHED:
            self.pool.cancel(run)

    def find(self, run_id: str) -> Run | None:
        """A run by the id in its `accepted`, in memory or in the store."""
        run = self._by_id.get(run_id)
        if run is not None:
            return run
        key, _, nonce = run_id.partition("-")
        if len(key) != 32 or not key.isalnum() or not nonce:
            return None
        record = self.store.find(key)
        return self._remember(Run(key, {}, record, stored=True)) if record is not None else None

    async def fetch(self, run_id: str) -> Run | None:
        """As `find`, and a run of another web process too, while it runs and for a short time after."""
        async with self.reads.turn(f"fetch {run_id}"):
            run = self.find(run_id)
            if run is not None or isinstance(self.pool, Pool) or not RUN_ID.fullmatch(run_id):
                return run
            key = run_id.partition("-")[0]
            run = Run(key, {}, self.store.begin(key))
            run.id, run.on_finish = run_id, self._finished
            if await self.pool.adopt(run):
                return self._remember(run)
            self.reads.close(run)
            return None

    def watch(self, run: Run) -> None:
        run.watchers += 1
        run.left = False

    def leave(self, run: Run, *, at_once: bool = False) -> None:
        """Remove one watcher. Without watchers a current run is stopped after GRACE_SECONDS, or at once."""
        run.watchers -= 1
        run.left = run.watchers == 0
        if run.left and run.state != FINISHED:
            if at_once:
                self.pool.cancel(run)
            else:
                self.loop.call_later(GRACE_SECONDS, self._abandon, run)

    def _abandon(self, run: Run) -> None:
        if run.watchers == 0 and run.state != FINISHED:
            self.pool.cancel(run)

    def _finished(self, run: Run) -> None:
        self._release(run.uploads)
        for name, kind in run.uploads.items():
            if kind == LOG_UPLOAD:
                self.uploads.drop(name)
        if run.good and not run.cancelled:
            try:
                self.store.keep(run.key, run.record)
            except OSError:
                log.exception("a finished run could not be kept")
        else:
            self.store.discard(run.record)
            if self._by_key.get(run.key) is run:
                del self._by_key[run.key]

    def _remember(self, run: Run) -> Run:
        self._by_id[run.id] = run
        self._by_key[run.key] = run
        if len(self._by_id) > KEPT_RUNS:
            for old in [old for old in self._by_id.values() if old.state == FINISHED and not old.watchers]:
                if old is not run:
                    self._forget(old)
                if len(self._by_id) <= KEPT_RUNS * 3 // 4:
                    break
        return run

    def forget_all(self) -> None:
        """Drop the index of every finished run without watchers; stored runs stay stored."""
        for run in [run for run in self._by_id.values() if run.state == FINISHED and not run.watchers]:
            self._forget(run)

    def _forget(self, run: Run) -> None:
        self._by_id.pop(run.id, None)
        if self._by_key.get(run.key) is run:
            del self._by_key[run.key]
        run.record.close()

    async def warm(self, *, wait: bool = False) -> dict[str, float]:
        """Run each example that is not stored yet, in order. Returns name -> seconds."""
        took = {}
        for example in all_examples().values():
            begun = time.monotonic()
            try:
                run = self.open(example.request)
            except (Busy, Closing, OSError):
                continue
            self.watch(run)
            try:
                while run.state != FINISHED:
                    await run.change().wait()
            finally:
                self.leave(run)
            if not run.good and not self.closing:
                log.warning("the example %s could not be walked", example.name)
            took[example.name] = time.monotonic() - begun
        return took


_service: Service | None = None


def service() -> Service:
    """The service of this process, which the first call starts."""
    global _service
    if _service is None or _service.loop is not asyncio.get_running_loop():
        _service = Service()
        _service.start()
    return _service


def current() -> Service | None:
    """The service if it was started: for health checks, which must not start it."""
    return _service


async def close() -> None:
    global _service
    if _service is not None:
        closing, _service = _service, None
        await closing.close()
