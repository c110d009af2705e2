"""Files that were uploaded for a run: each is kept until its run ends, or until it expires."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path

WAIT_SECONDS = 600
"""Seconds after which a file without a run expires."""
MOST_FILES = 16
"""Largest number of waiting files; further uploads are refused as busy."""
PATIENT_BYTES = 25 << 20
"""Bytes of an uploaded log for which the limits of time and CPU time are granted once more."""
NAME = re.compile("[0-9a-f]{32}")


class Uploads:
    """A folder of files with random ids as names; a client must know the id to use a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._coming: set[str] = set()

    def start(self) -> None:
        """Create the folder and remove expired files of earlier servers; other servers may be using it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def path(self, name: str) -> Path:
        """The path of the file of an id. ValueError for an invalid id."""
        if NAME.fullmatch(name) is None:
            raise ValueError(name)
        return self.folder / name

    def begin(self) -> str | None:
        """A new id for a file; None if there are too many files."""
        self.sweep()
        if len(self._coming) + sum(1 for _ in self.folder.iterdir()) >= MOST_FILES:
            return None
        name = secrets.token_hex(16)
        self._coming.add(name)
        return name

    def part(self, name: str) -> Path:
        """The path of a file during its upload."""
        return self.folder / f"{name}.part"

    def keep(self, name: str) -> None:
        """The upload of the file is complete."""
        os.replace(self.part(name), self.path(name))
        self._coming.discard(name)

    def drop(self, name: str) -> None:
        """Remove the file: its upload failed, or it is no longer needed."""
        self._coming.discard(name)
        for path in (self.part(name), self.path(name)):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove expired files."""
        oldest = time.time() - WAIT_SECONDS
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stem not in self._coming and path.stat().st_mtime < oldest:
                    path.unlink()


def patience(size: int) -> float:
    """How many further times a job that reads a file of `size` bytes gets the time limits."""
    return size / PATIENT_BYTES


def place(source: Path, target: Path) -> None:
    """Put a file into a worker's folder, as a hard link if the file system allows it."""
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
