"""Handle of one worker process: start, messages, resource usage, kill with all descendants."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from playground.config.limits import OPEN_FILES, JobLimits
from playground.jobs.frames import HEADER, READY, Frame, FrameError, read_header

log = logging.getLogger("playground.worker")
START_SECONDS = 60
PIPE_BYTES = 1 << 20
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
# The only environment variables that workers get: no keys, no database address.
PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONPATH",
    "BPFSCOPE_CLANG", "BPFSCOPE_COMPILED", "BPFSCOPE_SANDBOX_OFF", "BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER",
    "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "BPFSCOPE_CACHE", "BPFSCOPE_COMPILERS",
    "BPFSCOPE_KERNELS", "BPFSCOPE_GUESTS", "BPFSCOPE_QEMU",
    "BPFSCOPE_GUEST_KVM", "BPFSCOPE_GUESTS_AT_ONCE",
)  # fmt: skip
COMPILED = Path("vm", ".native", "current.json")
"""A value that changes when compiled code is added or replaced (tools/native.py)."""


class WorkerDied(Exception):
    """The process ended; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"worker ended with {status}")
        self.status = status


class Use(NamedTuple):
    """Usage of a worker and its descendants: seconds of CPU so far, bytes of memory now."""

    cpu: float
    memory: int


IDLE_SECONDS = 1.0
IDLE_CPU = 0.2
"""Part of its time that a worker may compute while it has nothing to do, if that was at least IDLE_SECONDS."""


class Worker:
    """A started process; `start` returns once it says it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, compiled: Path) -> None:
        self.process = process
        self.folder = folder
        self.about: dict[str, Any] = {}
        self.jobs = 0
        self.runs = 0  # of the jobs; the others are short reads of stored runs
        self.due_at = 1 << 30  # runs after which it is to be renewed
        self.grown = ""  # what it has too much of: memory, descriptors or cpu
        self.memory = self.files = 0  # bytes with its descendants, and descriptors of its own, when last measured
        self._first = (0, 0)  # memory and files at its start
        self._idle_from = (0.0, 0.0)  # when its last job was over, and its CPU time then
        self._compiled = compiled
        self._compiled_at = _changed_at(compiled)

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> bool:
        """Whether the process has ended, even if the event loop has not noticed yet."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def due(self) -> bool:
        """Whether this worker should be replaced."""
        return self.runs >= self.due_at or bool(self.grown) or self.outdated()

    def outdated(self) -> bool:
        """Whether compiled code was published after this worker started."""
        return _changed_at(self._compiled) != self._compiled_at

    @classmethod
    async def start(cls, job: str, limits: JobLimits, base: Path, temporary: Path) -> Worker:
        temporary.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"worker-{os.getpid()}-", dir=temporary))
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"TMPDIR": str(folder), "HOME": str(folder)}
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        environment.setdefault("BPFSCOPE_CACHE", cache)  # where kernels are: the worker's home is another one
        command = [sys.executable, "-m", "playground.jobs.worker"]
        command += ["--job", job, "--limits", limits.to_json(), "--parent", str(os.getpid())]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=base,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if process.stdin is not None:
            # A question about a value has most of a megabyte: else sixteen times each side waits for the other.
            with contextlib.suppress(OSError, AttributeError):
                fcntl.fcntl(process.stdin.transport.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        worker = cls(process, folder, base / COMPILED)
        try:
            async with asyncio.timeout(START_SECONDS):
                frame = await worker.read()
            if frame.kind != READY:
                raise FrameError("a worker's first word was not that it is ready")
            worker.about = frame.value()
            worker.files = int(worker.about.pop("files", 0))
            worker.measure(limits, 1)
        except BaseException:
            await worker.kill()
            raise
        return worker

    def measure(self, limits: JobLimits, growth: float) -> Use:
        """Measure it between two jobs, and note what it has too much of.

        growth -- the part of what its limits leave beside its first size by which it may grow
        """
        used, now = self.use(), time.monotonic()
        self.memory = used.memory
        if not self.jobs:
            self._first = self.memory, self.files
            return used
        sizes = {
            "memory": (self.memory, self._first[0], limits.memory),
            "descriptors": (self.files, self._first[1], OPEN_FILES),
        }
        for name, (size, first, most) in sizes.items():
            if size - first > growth * (most - first):
                self.grown = name
        since, cpu = self._idle_from
        if since and now - since > IDLE_SECONDS and used.cpu - cpu > IDLE_CPU * (now - since):
            self.grown = "cpu"
        return used

    def work(self) -> None:
        """A job begins: its CPU time is none of an idle worker's."""
        self._idle_from = 0.0, 0.0

    def rest(self, used: Use) -> None:
        """Its job is over, and what follows a job too."""
        self._idle_from = time.monotonic(), used.cpu

    async def send(self, request: dict[str, Any]) -> None:
        """Send a job. WorkerDied if the process has ended."""
        data = packed(request)
        stdin = self.process.stdin
        assert stdin is not None
        try:
            stdin.write(len(data).to_bytes(4, "little") + data)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerDied(await self.process.wait()) from None

    async def read(self) -> Frame:
        """The next frame. WorkerDied at the end of the stream, FrameError for invalid data."""
        stdout = self.process.stdout
        assert stdout is not None
        try:
            header = read_header(await stdout.readexactly(HEADER.size))
            payload = await stdout.readexactly(header.length)
        except asyncio.IncompleteReadError:
            raise WorkerDied(await self.process.wait()) from None
        return Frame(header.kind, header.stage, header.run, header.first, header.to, header.raw, payload)

    def use(self) -> Use:
        """Measured from /proc, over all descendants; (0, 0) where there is no /proc."""
        cpu, memory = 0.0, 0
        for pid in (self.pid, *descendants(self.pid)):
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                # utime, stime and those of children that were waited for: fields 14-17 of proc(5)
                cpu += sum(int(field) for field in fields[11:15]) / _TICK
                memory += int(fields[21]) * _PAGE
        return Use(cpu, memory)

    async def kill(self) -> int:
        """Kill the process, its group and all descendants; remove its files. Returns the exit status."""
        others = list(descendants(self.pid))
        if self.process.returncode is None:
            _kill_group(self.pid)
        for pid in others:
            _kill_group(pid)
            _kill(pid)
        status = await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.stdout is not None:  # to the end of it, so that the pipe is closed before the loop is
            with contextlib.suppress(TimeoutError, RuntimeError):
                async with asyncio.timeout(1):
                    await self.process.stdout.read()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        return status


def packed(request: dict[str, Any]) -> bytes:
    """A request as JSON. json takes ten times as long for blocks; msgspec takes no halves of surrogate pairs."""
    try:
        return msgspec.json.encode(request)
    except (UnicodeEncodeError, TypeError, msgspec.MsgspecError):
        return json.dumps(request, separators=(",", ":")).encode()


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def sweep(temporary: Path) -> None:
    """Remove the folders of workers whose server was killed and could not remove them."""
    for folder in temporary.glob("worker-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def descendants(pid: int) -> Iterator[int]:
    """All descendants, in any session."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return
    for thread in threads:
        try:
            children = [int(word) for word in (thread / "children").read_text().split()]
        except (OSError, ValueError):
            continue
        for child in children:
            yield child
            yield from descendants(child)


def _kill_group(pid: int) -> None:
    """Kill the process group that `pid` leads, if it leads one; never the server's group."""
    with contextlib.suppress(OSError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
