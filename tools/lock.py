"""A lock, so that one process at a time changes .venv, node_modules and static/dist.

`make run` and `make test` may run at the same time, while the verifier is compiled in the background. Standard
library only, because it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

NAME = ".setup-lock"
LOOK_SECONDS = 0.2
held: list[int] = []
"""Descriptors of the locks this process holds. A command that changes files inherits them (`pass_fds`): when this
process is killed, the lock is free only once that command has ended too."""


def say(text: str) -> None:
    print(f"bpfscope: {text}", flush=True)


@contextlib.contextmanager
def hold(root: Path, what: str) -> Iterator[None]:
    """Hold the lock of the checkout at `root` while doing `what`; print what another process does while waiting."""
    handle = os.open(root / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        said = None
        while not _taken(handle):
            other = os.pread(handle, 500, 0).decode(errors="replace")
            if other and other != said:
                say(f"waiting for another process, which is {other}")
                said = other
            time.sleep(LOOK_SECONDS)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{what} (process {os.getpid()})".encode(), 0)
        held.append(handle)
        try:
            yield
        finally:
            held.remove(handle)
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    """Whether the lock was free and is now held by this process."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
