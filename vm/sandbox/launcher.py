"""Run a command confined: the client's half of a launcher (see vm.sandbox.server for the other)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from vm.errors import InternalError
from vm.sandbox import wire
from vm.sandbox.confine import python_paths
from vm.sandbox.layers import LAYERS, Limits
from vm.sandbox.server import LOCK_NAME

_ROOT: Final = str(Path(__file__).resolve().parents[2])
# Seconds that the client waits beyond a job's own wall limit before it gives the launcher up: on a machine with much
# other work, to end a job takes some of them.
_GRACE: Final = 4.0
_START_TIMEOUT: Final = 10.0
SPOOL_PREFIX: Final = "bpfscope-spool-"
_SPOOL_AGE: Final = 10.0  # seconds; a younger one may belong to a launcher that is just starting

FILE_SYSTEM_LAYERS: Final = frozenset({"landlock", "bubblewrap"})


@dataclass(frozen=True, slots=True)
class Tool:
    """A command a launcher may run: its fixed first arguments (argv[0] an absolute path) and what it must read."""

    argv: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a confined command ended.

    status  -- exit code, or minus the signal's number
    limit   -- None, or which of time, cpu, memory, output it hit
    text    -- standard output and error, cut at Limits.text; the job directory is written "."
    outputs -- the files asked for; None where not written, not a regular file, or over Limits.output
    """

    status: int
    limit: str | None
    text: bytes
    outputs: Mapping[str, bytes | None]
    ms: float


def wanted_layers() -> tuple[str, ...]:
    """Every layer but those that BPFSCOPE_SANDBOX_OFF names (comma-separated): for operators whose system lacks one
    and for tests of what its absence means."""
    off = {name.strip() for name in os.environ.get("BPFSCOPE_SANDBOX_OFF", "").split(",")}
    return tuple(name for name in LAYERS if name not in off)


@cache
def bubblewrap() -> tuple[str | None, str]:
    """(path of a bwrap that works here, "") or (None, why there is none)."""
    path = shutil.which("bwrap")
    if path is None:
        return None, "bwrap is not installed"
    command = [path, "--unshare-all", "--ro-bind", "/", "/", "true"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode:
        return None, done.stderr.decode(errors="replace").strip()[:200] or f"bwrap ended with {done.returncode}"
    return path, ""


class Launcher:
    """A resident process that runs `tools` confined, one at a time; restarted if it is lost.

    Start it (`start`) before the calling process confines itself; after a fork each side gets its own.
    Safe to use from several threads: jobs queue up.

    layers -- which layers to try, default `wanted_layers`; what holds is in `active`, the others in `missing` with
              the reason
    spool  -- directory for job directories, default TMPDIR
    """

    def __init__(
        self, tools: Mapping[str, Tool], *, layers: Sequence[str] | None = None, spool: str | None = None
    ) -> None:
        self._tools = dict(tools)
        self._wanted = wanted_layers() if layers is None else tuple(layers)
        self._spool = spool
        self._lock = threading.Lock()
        self._owner = 0
        self._sock: socket.socket | None = None
        self._ending: weakref.finalize[Any, Any] | None = None
        self.pid: int | None = None
        self.active: tuple[str, ...] = ()
        self.missing: tuple[tuple[str, str], ...] = ()

    def start(self, timeout: float = _START_TIMEOUT) -> None:
        """Start the resident process if it is not there. InternalError if it does not answer in `timeout` seconds."""
        with self._lock:
            self._ensure(timeout)

    def close(self) -> None:
        """End the resident process and whatever it runs."""
        with self._lock:
            self._drop()

    def run(
        self,
        tool: str,
        args: Sequence[str],
        *,
        files: Mapping[str, bytes],
        outputs: Sequence[str] = (),
        templates: Sequence[str] = (),
        limits: Limits | None = None,
        fed: str = "",
    ) -> Result:
        """Run a tool in a fresh directory holding `files`; read `outputs` from it afterwards.

        templates -- names of files in which @JOB@ stands for the directory's path
        fed       -- name of the file that the tool opens first, and once, apart from templates: see start_ahead()
        """
        limits = limits or Limits()
        request = {**_command(tool, args, files, templates, limits, fed), "outputs": list(outputs), "ahead": False}
        with self._lock:
            for attempt in (1, 2):
                sock = self._ensure()
                sock.settimeout(limits.wall + _GRACE)
                try:
                    wire.send(sock, request, list(files.values()))
                    header, blobs = wire.receive(sock)
                except (wire.Closed, OSError) as error:
                    self._drop()
                    if attempt == 2 or isinstance(error, TimeoutError):
                        raise InternalError("The sandbox launcher does not answer.") from error
                else:
                    break
        text, *contents = blobs
        found = {
            name: data if there else None
            for name, data, there in zip(outputs, contents, header["outputs"], strict=True)
        }
        return Result(header["status"], header["limit"], text, found, header["ms"])

    def start_ahead(
        self,
        tool: str,
        args: Sequence[str],
        *,
        files: Sequence[str],
        templates: Mapping[str, bytes],
        limits: Limits,
        fed: str,
    ) -> None:
        """Start the command of a run() that is expected, confined like any other; return at once.

        files are names; templates -- the content of some of them. The process waits for its file `fed`, and its time
        (Limits.wall) begins when a run() gives it that. Any other run() ends it. Errors are those of the run.
        """
        content = {name: templates.get(name, b"") for name in files}
        request = {**_command(tool, args, content, list(templates), limits, fed), "ahead": True}
        with self._lock, contextlib.suppress(wire.Closed, OSError):
            wire.send(self._ensure(), request, list(content.values()))

    def _ensure(self, timeout: float = _START_TIMEOUT) -> socket.socket:
        if self._owner != os.getpid():  # forked: the parent's launcher is the parent's
            self._sock = None
        if self._sock is None:
            self._start(timeout)
        assert self._sock is not None
        return self._sock

    def _start(self, timeout: float) -> None:
        """Start inside bubblewrap where that works, else without; InternalError where neither does."""
        missing: list[tuple[str, str]] = []
        if "bubblewrap" in self._wanted:
            bwrap, why = bubblewrap()
            if bwrap is not None:
                try:
                    return self._launch(bwrap, missing, timeout)
                except InternalError as error:
                    why = f"inside it: {error}"
            missing.append(("bubblewrap", why))
        return self._launch(None, missing, timeout)

    def _launch(self, bwrap: str | None, missing: list[tuple[str, str]], timeout: float) -> None:
        ours, theirs = socket.socketpair()
        spool = ""
        process = None
        try:
            parent = os.path.realpath(self._spool or tempfile.gettempdir())
            sweep(parent)
            spool = tempfile.mkdtemp(prefix=SPOOL_PREFIX, dir=parent)
            process = self._spawn(self._wrap(bwrap, spool) if bwrap else [], theirs.fileno())
            theirs.close()
            ours.settimeout(timeout)
            tools = {name: asdict(tool) for name, tool in self._tools.items()}
            wanted = [name for name in self._wanted if name != "bubblewrap" or bwrap]
            wire.send(ours, {"tools": tools, "spool": spool, "layers": wanted})
            hello, _ = wire.receive(ours)
        except (wire.Closed, OSError) as error:
            ours.close()
            theirs.close()
            if process is not None:
                _end(process)
            if spool:
                shutil.rmtree(spool, ignore_errors=True)
            raise InternalError("The sandbox launcher does not start.") from error
        self._sock, self._owner, self.pid = ours, os.getpid(), process.pid
        self.active = tuple(hello["active"])
        self.missing = (*missing, *((name, why) for name, why in hello["missing"]))
        self._ending = weakref.finalize(self, _end_if_ours, ours, process, spool, os.getpid())

    def _spawn(self, prefix: list[str], fd: int) -> subprocess.Popen[bytes]:
        code = f"import sys; sys.path.insert(0, {_ROOT!r}); from vm.sandbox.server import main; main({fd})"
        return subprocess.Popen(
            [*prefix, sys.executable, "-I", "-S", "-B", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[fd],
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
        )

    def _wrap(self, bwrap: str, spool: str) -> list[str]:
        """The bwrap command in front: nothing but what Python and the tools read, and the spool."""
        read = {_ROOT + "/vm", os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix), *python_paths()}
        read |= {os.path.dirname(os.path.realpath(sys.executable)), os.path.dirname(sys.executable)}
        for tool in self._tools.values():
            read |= set(tool.read)
        command = [bwrap, "--unshare-all", "--dev", "/dev"]
        for path in sorted(read):
            if os.path.exists(path) and not path.startswith("/dev/"):
                command += ["--ro-bind", path, path]
        return [*command, "--bind", spool, spool, "--"]

    def _drop(self) -> None:
        if self._ending is not None:
            self._ending()
        self._sock = self._ending = None


def _command(
    tool: str, args: Sequence[str], files: Mapping[str, bytes], templates: Sequence[str], limits: Limits, fed: str
) -> dict[str, Any]:
    """The part of a request that says what to run."""
    return {
        "tool": tool,
        "args": list(args),
        "files": list(files),
        "templates": list(templates),
        "limits": asdict(limits),
        "fed": fed,
    }


def sweep(directory: str) -> None:
    """Remove the spools of launchers that were killed: those whose lock nobody holds."""
    for entry in os.scandir(directory):
        if not entry.name.startswith(SPOOL_PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        info = entry.stat(follow_symlinks=False)
        if info.st_uid != os.geteuid() or time.time() - info.st_mtime < _SPOOL_AGE:
            continue
        try:
            fd = os.open(os.path.join(entry.path, LOCK_NAME), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            # No lock file: nothing says that a launcher made it. One that ended in order left it empty.
            with contextlib.suppress(OSError):
                os.rmdir(entry.path)
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(fd)
        shutil.rmtree(entry.path, ignore_errors=True)


def _end_if_ours(sock: socket.socket, process: subprocess.Popen[bytes], spool: str, owner: int) -> None:
    if owner == os.getpid():
        sock.close()
        _end(process)
        shutil.rmtree(spool, ignore_errors=True)


def _end(process: subprocess.Popen[Any]) -> None:
    """It ends by itself when its socket closes; a moment later it is killed."""
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):  # a confined client may not signal
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=1)
