"""The resident half of a launcher: forks, confines and supervises one command at a time.

It runs as a process of its own (`python -I -S`, standard library only), because a fork of a small
process that has everything loaded costs 2 ms, where starting an interpreter for each command costs
30, and because forking inside a threaded worker is not safe. It runs the commands it was told of
at its start and no others, and ends, with what it runs, when its client does.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from vm.sandbox import layers, wire
from vm.sandbox.layers import Limits

LOCK_NAME: Final = "lock"
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": "."}
_SETUP_FAILED: Final = 126
_POLL: Final = 0.01  # seconds between looks where the kernel cannot tell of a process's end


class Ended(NamedTuple):
    """How a command ended: exit code or minus its signal; which limit it hit; what it said."""

    status: int
    limit: str | None
    text: bytes
    ms: float


def main(fd: int) -> None:
    """Serve the client on socket `fd` until it closes."""
    sock = socket.socket(fileno=fd)
    os.set_inheritable(fd, False)
    config, _ = wire.receive(sock)
    spool = config["spool"]
    lock = os.open(os.path.join(spool, LOCK_NAME), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the client's terminal and manager speak to the client
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    held, missing = _layers_here(config["layers"])
    try:
        wire.send(sock, {"active": held, "missing": missing})
        while True:
            request, blobs = wire.receive(sock)
            _serve(sock, config, held, request, blobs)
    except wire.Closed:
        pass
    finally:
        shutil.rmtree(spool, ignore_errors=True)


def _layers_here(wanted: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Which of the wanted layers this system has, found by applying each in a child."""
    held, missing = [], []
    for name in wanted:
        if name == "bubblewrap":  # the client started this process inside it, or left it out of `wanted`
            held.append(name)
            continue
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                layers.no_new_privileges()
                _apply(name, Limits(), (), ())
            except BaseException as error:
                os.write(writer, str(error).encode()[:500] or b"unknown")
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            reason = pipe.read().decode(errors="replace")
        status = os.waitpid(pid, 0)[1]
        if reason or status:
            missing.append((name, reason or f"ended with status {status}"))
        else:
            held.append(name)
    return held, missing


def _apply(name: str, limits: Limits, read: Sequence[str], write: Sequence[str]) -> None:
    if name == "rlimits":
        layers.set_rlimits(limits)
    elif name == "landlock":
        layers.apply_landlock(read, write)
    elif name == "seccomp":
        layers.apply_seccomp(allow_exec=True)


def _serve(
    sock: socket.socket, config: Mapping[str, Any], held: Sequence[str], request: Mapping[str, Any], blobs: list[bytes]
) -> None:
    tool = config["tools"][request["tool"]]
    limits = Limits(**request["limits"])
    job = tempfile.mkdtemp(prefix="job-", dir=config["spool"])
    try:
        for name, data in zip(request["files"], blobs, strict=True):
            fd = os.open(os.path.join(job, os.path.basename(name)), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data.replace(b"@JOB@", job.encode()) if name in request["templates"] else data)
        argv = [*tool["argv"], *request["args"]]
        ended = _run(sock, argv, job, held, (*tool["read"], "/dev/null"), limits)
        outputs = [_read_output(os.path.join(job, os.path.basename(name)), limits) for name in request["outputs"]]
        text = ended.text.replace(job.encode(), b".")
    finally:
        shutil.rmtree(job, ignore_errors=True)
    header = {
        "status": ended.status,
        "limit": ended.limit,
        "ms": ended.ms,
        "outputs": [data is not None for data in outputs],
    }
    wire.send(sock, header, [text, *(data or b"" for data in outputs)])


def _run(
    sock: socket.socket, argv: Sequence[str], job: str, held: Sequence[str], read: Sequence[str], limits: Limits
) -> Ended:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    begin = time.monotonic()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(argv, job, held, read, limits, writer, parent)
    os.close(writer)
    try:
        text, limit = _watch(sock, reader, pid, begin + limits.wall, limits.text)
    finally:
        # The whole group, also after a good end: nothing of the job outlives it.
        _kill_group(pid)
        os.close(reader)
        status, usage = _reap(pid)
    return Ended(status, limit or _limit_of(status, usage, limits), text, (time.monotonic() - begin) * 1000)


def _become(
    argv: Sequence[str],
    job: str,
    held: Sequence[str],
    read: Sequence[str],
    limits: Limits,
    writer: int,
    parent: int,
) -> NoReturn:
    """In the child: apply every layer that was found to work, then become the command. A failure ends the job."""
    try:
        os.setsid()
        layers.die_with_parent(parent)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.closerange(3, 256)
        os.umask(0o077)
        os.chdir(job)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        layers.no_new_privileges()
        layers.drop_capabilities()
        for name in held:
            _apply(name, limits, read, (job,))
        os.execve(argv[0], list(argv), _ENVIRONMENT)
    except BaseException as error:
        os.write(2, f"sandbox: {error}".encode())
    os._exit(_SETUP_FAILED)


def _watch(sock: socket.socket, reader: int, pid: int, deadline: float, most: int) -> tuple[bytes, str | None]:
    """Collect the command's text until it ends, hits a limit, or the client goes away (then this process ends too)."""
    text = bytearray()
    ended = _pidfd(pid)
    poller = select.poll()
    for fd in (reader, sock.fileno(), ended):
        if fd >= 0:
            poller.register(fd, select.POLLIN)
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return bytes(text), "time"
            ready = {fd for fd, _ in poller.poll((left if ended >= 0 else min(left, _POLL)) * 1000)}
            if sock.fileno() in ready:
                raise wire.Closed  # the client speaks again only after the answer: this is its end
            if reader in ready:
                part = os.read(reader, 65536)
                text += part
                if len(text) > most:
                    return bytes(text[:most]), "output"
                if not part:
                    poller.unregister(reader)
            elif ended in ready or (ended < 0 and _has_ended(pid)):
                return bytes(text), None
    finally:
        if ended >= 0:
            os.close(ended)


def _pidfd(pid: int) -> int:
    """A descriptor that tells the process's end, -1 where the kernel has none (before 5.3)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap(pid: int) -> tuple[int, resource.struct_rusage]:
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage


def _limit_of(status: int, usage: resource.struct_rusage, limits: Limits) -> str | None:
    """The limit that a command's own end tells of."""
    if status == -signal.SIGXCPU:
        return "cpu"
    if status == -signal.SIGXFSZ:
        return "output"
    if status == -signal.SIGKILL:
        spent = usage.ru_utime + usage.ru_stime
        return "cpu" if limits.cpu is not None and spent >= limits.cpu else "memory"
    return None


def _read_output(path: str, limits: Limits) -> bytes | None:
    """The bytes of a regular file of allowed size, else None. Never follows links, never blocks on a FIFO."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > limits.output:
            return None
        return file.read(limits.output)


if __name__ == "__main__":
    main(int(sys.argv[1]))
