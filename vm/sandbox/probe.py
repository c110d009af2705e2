"""Tries what a job must not be able to do, and prints what happened as JSON. Run by a launcher; standard library only.

python -I -S probe.py CANARY OUTSIDE MODE
CANARY   a file outside the job that must not be read
OUTSIDE  a directory outside the job that must not be written
MODE     try, sleep, or chatter
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable

_CLONE_NEWUSER = 0x10000000
_PTRACE_PEEKTEXT = 1
_NO_SUCH_PID = 1 << 22


def _libc_call(name: str, *args: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ptrace() -> None:
    """On a process that is not there: the call itself is what is asked about."""
    try:
        _libc_call("ptrace", _PTRACE_PEEKTEXT, _NO_SUCH_PID, 0, 0)
    except ProcessLookupError:
        return


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _write_file(size: int) -> None:
    with open("big", "wb") as file:
        for _ in range(size >> 16):
            file.write(bytes(1 << 16))


def _open_many() -> None:
    fds = []
    try:
        for _ in range(100):
            fds.append(os.open(".", os.O_RDONLY))
    finally:
        for fd in fds:
            os.close(fd)


def _write_outside(directory: str) -> None:
    path = os.path.join(directory, "probe-was-here")
    with open(path, "w") as file:
        file.write("x")
    os.unlink(path)


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(64)


def _no_new_privileges() -> None:
    if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1:  # PR_GET_NO_NEW_PRIVS
        raise PermissionError("set-uid programs give nothing")


def attempts(canary: str, outside: str) -> dict[str, Callable[[], object]]:
    """What is tried, by name (see vm.sandbox.check for which layer must refuse which)."""
    return {
        "memory": lambda: mmap.mmap(-1, 2 << 30).close(),
        "open files": _open_many,
        "read a file": lambda: _read(canary),
        "read the parent's environment": lambda: _read(f"/proc/{os.getppid()}/environ"),
        "write outside": lambda: _write_outside(outside),
        "list a directory": lambda: os.listdir(os.path.dirname(canary)),
        "socket": lambda: socket.socket().close(),
        "fork": _fork,
        "ptrace": _ptrace,
        "symlink": lambda: os.symlink("a", "b"),
        "unshare": lambda: _libc_call("unshare", _CLONE_NEWUSER),
        "signal others": lambda: os.kill(os.getppid(), 0),
        "set-uid": _no_new_privileges,
        "file size": lambda: _write_file(5 << 20),
    }


def main() -> None:
    canary, outside, mode = sys.argv[1:4]
    if mode == "sleep":
        time.sleep(60)
    while mode == "chatter":
        with contextlib.suppress(BlockingIOError):
            os.write(1, b"x" * 65536)
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    said = {}
    for name, attempt in attempts(canary, outside).items():
        try:
            attempt()
        except (OSError, MemoryError) as error:
            said[name] = f"refused: {error}"
        else:
            said[name] = "allowed"
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
