"""Files that were uploaded for a run: each is there until its run ends, or nobody has asked for it for a while."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path

WAIT_SECONDS = 600
"""How long a file waits for its run."""
MOST_FILES = 16
"""Files that wait at the same time; further uploads are refused as busy."""
PATIENT_BYTES = 25 << 20
"""An uploaded log has the limits of time and CPU time as often again for each such part of it."""
NAME = re.compile("[0-9a-f]{32}")


class Uploads:
    """A folder of files named by a random id, which is what somebody has to know to read one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._coming: set[str] = set()

    def start(self) -> None:
        """The folder is there, without what an earlier server left; another one may be using it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def path(self, name: str) -> Path:
        """Where the file of an id is, or would be. ValueError for what is no id."""
        if NAME.fullmatch(name) is None:
            raise ValueError(name)
        return self.folder / name

    def begin(self) -> str | None:
        """The id of a file that is about to come; None if too many are there."""
        self.sweep()
        if len(self._coming) + sum(1 for _ in self.folder.iterdir()) >= MOST_FILES:
            return None
        name = secrets.token_hex(16)
        self._coming.add(name)
        return name

    def part(self, name: str) -> Path:
        """Where a file is while it comes."""
        return self.folder / f"{name}.part"

    def keep(self, name: str) -> None:
        """The file has come."""
        os.replace(self.part(name), self.path(name))
        self._coming.discard(name)

    def drop(self, name: str) -> None:
        """The file did not come, or is not needed any more."""
        self._coming.discard(name)
        for path in (self.part(name), self.path(name)):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what nobody asked for."""
        oldest = time.time() - WAIT_SECONDS
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stem not in self._coming and path.stat().st_mtime < oldest:
                    path.unlink()


def patience(size: int) -> float:
    """How many times more a job may take that reads a file of so many bytes."""
    return size / PATIENT_BYTES


def place(source: Path, target: Path) -> None:
    """Make a file appear in a worker's own folder, without a copy where the file system can."""
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
