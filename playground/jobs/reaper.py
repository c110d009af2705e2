"""Reaps orphans: processes whose parent has ended and that the kernel has reparented to this process.

A killed worker leaves the compiler's launcher and its children. If the server is PID 1 of a container, or a subreaper
(prctl(2)), they become its children, and stay zombies until it waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from pathlib import Path

LOOK_SECONDS = 1.0
PR_GET_CHILD_SUBREAPER = 37  # include/uapi/linux/prctl.h


async def reap_orphans() -> None:
    """Reap orphans until this process ends; returns at once if orphans do not become its children.

    Our own children are waited for by the code that started them. A process that is a zombie in two successive checks
    is therefore an orphan.
    """
    if not adopts():
        return
    before: set[int] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = zombies()
        for pid in now & before:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        before = now


def adopts() -> bool:
    """Whether orphans become children of this process."""
    if not sys.platform.startswith("linux"):
        return False
    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return os.getpid() == 1 or answer.value != 0


def zombies() -> set[int]:
    """Children of this process that have ended and were not waited for."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z" and int(parent) == os.getpid():
                    found.add(int(path.name))
    return found
