"""The resident half of a launcher: forks, confines and supervises one command at a time.

A client that expects to run the same command again may have it started ahead: the process is confined as any other, in
a directory of its own, and waits for the file that it reads first, which is a FIFO until then. It is used once, for the
very same command, and ended when anything else is to run.

It runs as a process of its own (`python -I -S`, standard library only), because a fork of a small
process that has everything loaded costs 2 ms, where starting an interpreter for each command costs
30, and because forking inside a threaded worker is not safe. It runs the commands it was told of
at its start and no others, and ends, with what it runs, when its client does.
"""

from __future__ import annotations

import contextlib
import errno
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
from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn

from vm.sandbox import layers, wire
from vm.sandbox.layers import Limits

LOCK_NAME: Final = "lock"
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": "."}
_SETUP_FAILED: Final = 126
_POLL: Final = 0.01  # seconds between looks where the kernel cannot tell of a process's end


_RETRY: Final = 0.0005  # seconds between looks whether a process that was just started waits for its file by now
_PIPE_BYTES: Final = 1 << 17


class Command(NamedTuple):
    """What is run: everything of a request that is known before the files are.

    files -- their names; fixed -- the content of those that are templates: they are read at the start
    """

    tool: str
    args: tuple[str, ...]
    files: tuple[str, ...]
    fixed: tuple[tuple[str, bytes], ...]
    fed: str
    limits: Limits


class Started(NamedTuple):
    """A process that runs `command` in the directory `job`; what it says comes from `reader`.

    ahead -- it has no files yet but the templates, and waits for the one that is fed to it
    """

    command: Command
    job: str
    pid: int
    reader: int
    ahead: bool


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
    waiting: list[Started] = []  # the one that was started ahead, if there is one
    try:
        wire.send(sock, {"active": held, "missing": missing})
        while True:
            request, blobs = wire.receive(sock)
            command, content = _command(request, blobs)
            started = waiting.pop() if waiting else None
            if started is not None and (started.command != command or _has_ended(started.pid)):
                _drop(started)
                started = None
            if request["ahead"]:
                waiting.append(started or _start(config, held, command, None))
            else:
                _serve(sock, started or _start(config, held, command, content), request, content)
    except wire.Closed:
        pass
    finally:
        for started in waiting:
            _drop(started)
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


def _command(request: Mapping[str, Any], blobs: list[bytes]) -> tuple[Command, dict[str, bytes]]:
    """What a request wants run, and the content of its files."""
    content = dict(zip(request["files"], blobs, strict=True))
    fixed = tuple((name, content[name]) for name in request["templates"])
    limits = replace(Limits(**request["limits"]), wall=0.0)  # that of a request counts from the request
    return Command(request["tool"], tuple(request["args"]), tuple(content), fixed, request["fed"], limits), content


def _serve(sock: socket.socket, started: Started, request: Mapping[str, Any], content: Mapping[str, bytes]) -> None:
    """Answer a request by what a process does that was started for it, or ahead."""
    limits = Limits(**request["limits"])
    begin = time.monotonic()
    try:
        if started.ahead:
            _give(started, content, begin + limits.wall)
        ended = _follow(sock, started, begin, limits)
        outputs = [
            _read_output(os.path.join(started.job, os.path.basename(name)), limits) for name in request["outputs"]
        ]
        text = ended.text.replace(started.job.encode(), b".")
    finally:
        shutil.rmtree(started.job, ignore_errors=True)
    header = {
        "status": ended.status,
        "limit": ended.limit,
        "ms": ended.ms,
        "outputs": [data is not None for data in outputs],
    }
    wire.send(sock, header, [text, *(data or b"" for data in outputs)])


def _start(
    config: Mapping[str, Any], held: Sequence[str], command: Command, content: Mapping[str, bytes] | None
) -> Started:
    """Start a command in a new directory. content: of its files; None: they are not known yet."""
    tool = config["tools"][command.tool]
    job = tempfile.mkdtemp(prefix="job-", dir=config["spool"])
    try:
        fixed = dict(command.fixed)
        for name in command.files:
            if content is None and name == command.fed:
                os.mkfifo(os.path.join(job, os.path.basename(name)), 0o600)
            elif name in fixed:
                _write(job, name, fixed[name].replace(b"@JOB@", job.encode()))
            else:
                _write(job, name, content[name] if content is not None else b"")
        reader, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            read = (*tool["read"], "/dev/null")
            _become([*tool["argv"], *command.args], job, held, read, command.limits, writer, parent)
        os.close(writer)
    except BaseException:
        shutil.rmtree(job, ignore_errors=True)
        raise
    return Started(command, job, pid, reader, content is None)


def _write(job: str, name: str, data: bytes, flags: int = os.O_CREAT | os.O_EXCL) -> None:
    fd = os.open(os.path.join(job, os.path.basename(name)), flags | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def _give(started: Started, content: Mapping[str, bytes], deadline: float) -> None:
    """Give a process that was started ahead its files; last the one it waits for."""
    command = started.command
    fixed = dict(command.fixed)
    for name in command.files:
        if name != command.fed and name not in fixed:
            _write(started.job, name, content[name], os.O_TRUNC)
    path = os.path.join(started.job, os.path.basename(command.fed))
    data = memoryview(content[command.fed])
    while (fd := _writer(path)) < 0:
        if _has_ended(started.pid) or time.monotonic() >= deadline:
            return  # _follow() says how it ended, or that the time is over
        time.sleep(_RETRY)
    try:
        # Who opens it again finds a file: a C source may include itself.
        _write(started.job, f"{command.fed}.new", content[command.fed])
        os.rename(f"{path}.new", path)
        poller = select.poll()
        poller.register(fd, select.POLLOUT)
        while data and (left := deadline - time.monotonic()) > 0:
            if poller.poll(left * 1000):
                data = data[os.write(fd, data) :]
    except (BrokenPipeError, BlockingIOError):
        pass  # it has ended, or reads no further
    finally:
        os.close(fd)


def _writer(path: str) -> int:
    """The FIFO, to write to; -1 while nobody has opened it to read."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return -1
        raise
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return fd


def _follow(sock: socket.socket, started: Started, begin: float, limits: Limits) -> Ended:
    """Wait until a process ends, or end it at a limit."""
    try:
        text, limit = _watch(sock, started.reader, started.pid, begin + limits.wall, limits.text)
    finally:
        status, usage = _end(started)
    return Ended(status, limit or _limit_of(status, usage, limits), text, (time.monotonic() - begin) * 1000)


def _end(started: Started) -> tuple[int, resource.struct_rusage]:
    # The whole group, also after a good end: nothing of the job outlives it.
    _kill_group(started.pid)
    os.close(started.reader)
    return _reap(started.pid)


def _drop(started: Started) -> None:
    """End a process that nobody needs."""
    _end(started)
    shutil.rmtree(started.job, ignore_errors=True)


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
