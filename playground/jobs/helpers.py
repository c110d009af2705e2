"""Processes that a worker started before it confined itself: the compiler's launcher, that of the solver, of guests.

A confined worker cannot start them again. One whose helper was killed ends, and the pool starts another.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Helpers:
    """The children of this process at its start."""

    def __init__(self) -> None:
        self._waits = False
        self._processes: list[int] = []
        for path in Path("/proc/self/task").glob("*/children"):
            self._processes += (process for process in map(int, path.read_text().split()) if not _ended(process))
        signal.signal(signal.SIGCHLD, self._child_ended)

    def ended(self) -> bool:
        """Whether one of them has ended."""
        return any(_ended(process) for process in self._processes)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """End this process if one of them ends meanwhile: it has nothing to do."""
        self._waits = True
        try:
            self._child_ended()
            yield
        finally:
            self._waits = False

    def _child_ended(self, *_: object) -> None:
        if self._waits and self.ended():
            os._exit(1)


def _ended(process: int) -> bool:
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody has waited for it
        return True
