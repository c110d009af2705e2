"""Kills processes at random, every two seconds, and notes what there was."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

EVERY: Final = 2.0
ROOTS: Final = 0.25
"""Part of the killed processes that are servers: all below them ends too, and needs seconds to be there again."""
LOOK_SECONDS: Final = 0.1
ZOMBIE_SECONDS: Final = 5
KINDS: Final = {
    b"playground.jobs.worker": "worker process",
    b"vm.sandbox.server": "launcher",
    b"vm.guests.broker": "guest broker",
}
"""What a command line holds -> the kind of process; others are called after the server below which they are."""


class Killer(threading.Thread):
    """Kills a process of a random kind every few seconds, and sees that the servers are started again.

    roots -- numbers of the servers' first processes by name, of those that run
    keep  -- starts those again that ended; called over and over, by another thread
    until -- when it ends (time.monotonic)
    """

    def __init__(self, seconds: float, roots: Callable[[], Mapping[str, int]], keep: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.seconds, self.until = seconds, time.monotonic() + seconds
        self.killed: Counter[str] = Counter()
        self._seen: set[tuple[int, str]] = set()  # by number and start time: a number may be used again
        self._roots, self._keep = roots, keep

    def run(self) -> None:
        keeper = threading.Thread(target=self._keeps, daemon=True)
        keeper.start()
        due = time.monotonic() + EVERY
        while due < self.until:
            while time.monotonic() < due:
                self.look()
                time.sleep(LOOK_SECONDS)
            due += EVERY
            roots = self._roots()
            found: dict[str, list[int]] = {}
            of_roots = random.random() < ROOTS
            for kind, process in self._processes():
                if (kind in roots) == of_roots:
                    found.setdefault(kind, []).append(process)
            if found:  # a server that starts has nothing below it
                kind = random.choice(sorted(found))
                with contextlib.suppress(OSError):
                    os.kill(random.choice(found[kind]), signal.SIGKILL)
                    self.killed[kind] += 1
        keeper.join()

    def look(self) -> None:
        """Note the processes that there are now."""
        for _, process in self._processes():
            if (started := _stat(process)) is not None and started[0] != "Z":
                self._seen.add((process, started[19]))

    def left(self) -> list[int]:
        """Processes that were seen and are there still."""
        there = ((process, began, _stat(process)) for process, began in self._seen)
        return [process for process, began, stat in there if stat and stat[0] != "Z" and stat[19] == began]

    def zombies(self) -> list[str]:
        """Kinds of processes below the servers that ended, and that nobody waited for in a while."""
        first = self._dead()
        time.sleep(ZOMBIE_SECONDS)
        return [kind for process, kind in self._dead().items() if process in first]

    def _dead(self) -> dict[int, str]:
        stats = ((kind, process, _stat(process)) for kind, process in self._processes())
        return {process: kind for kind, process, stat in stats if stat and stat[0] == "Z"}

    def folders(self, *of: Path) -> int:
        """Workers' folders in the servers' own ones, without those of workers that run."""
        working = sum(kind == "worker process" for kind, _ in self._processes())
        return sum(len([*each.glob("tmp/worker-*")]) for each in of) - working

    def _keeps(self) -> None:
        while self.is_alive() and time.monotonic() < self.until:
            self._keep()
            time.sleep(LOOK_SECONDS)
        self._keep()

    def _processes(self) -> Iterator[tuple[str, int]]:
        """(kind, number) of all processes of the servers."""
        below: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (stat := _stat(int(entry))):
                below.setdefault(int(stat[1]), []).append(int(entry))
        for name, root in self._roots().items():
            yield name, root
            found = list(below.get(root, ()))
            for process in found:
                found += below.get(process, ())
                yield _kind(process) or f"below {name}", process


def _kind(process: int) -> str:
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return ""
    return next((kind for part, kind in KINDS.items() if part in command), "")


def _stat(process: int) -> list[str] | None:
    """The fields of /proc/N/stat from the state on; None if there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
