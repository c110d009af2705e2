"""Finished records on disk: the same request again is answered from here, and a window long after its run too."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from playground.jobs.frames import FrameError
from playground.jobs.record import Record
from playground.links import canonical

log = logging.getLogger("playground.store")
PART_SECONDS = 3600


def request_key(request: Mapping[str, Any], toolchain: str, version: str, secret: str) -> str:
    """What a record is found by: the checked request, the compiler and this code. 128 bits in hex.

    It is an HMAC under the server's secret: nobody can work out the key of a program, and ask with it whether
    somebody has run that.
    """
    asked = canonical({"request": request, "toolchain": toolchain, "version": version})
    return hmac.new(secret.encode(), asked.encode(), hashlib.sha256).hexdigest()[:32]


class Store:
    """A folder of records named by key, kept under `most` bytes by dropping what was not asked for longest."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self.pinned: set[str] = set()
        self._lock = threading.Lock()
        self._grown = 0

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.run"

    def begin(self, key: str) -> Record:
        """A new record, invisible to `find` until `keep`."""
        return Record.create(self.folder / "part" / f"{key}.{secrets.token_hex(8)}")

    def find(self, key: str) -> Record | None:
        path = self.path(key)
        try:
            record = Record.open(path)
        except FileNotFoundError:
            return None
        except (FrameError, OSError) as error:
            log.warning("a stored record is dropped: %s", error)
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return record

    def keep(self, key: str, record: Record) -> None:
        """Make a finished record the answer to `key`."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(record.path, path)
        record.path = path
        with self._lock:
            self._grown += record.size
            due = self._grown > self.most // 16
        if due:
            self.sweep()

    def discard(self, record: Record) -> None:
        """Remove an unfinished record's file. Whoever still watches it reads on through the open handle."""
        record.path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Drop what was not asked for longest until a tenth of the room is free, and what crashed runs left."""
        with self._lock:
            self._grown = 0
            found = sorted(self._files(), reverse=True)
            size = 0
            for _, length, path in found:
                if path.stem in self.pinned:
                    size += length
                    continue
                if size + length > self.most * 9 // 10:
                    path.unlink(missing_ok=True)
                else:
                    size += length

    def _files(self) -> Iterable[tuple[float, int, Path]]:
        for path in self.folder.glob("??/*.run"):
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                yield about.st_mtime, about.st_size, path

    def start(self, siblings: Path | None = None) -> None:
        """Make the folder; drop unfinished records of processes long gone and the folders of other versions."""
        (self.folder / "part").mkdir(parents=True, exist_ok=True)
        newest = max((path.stat().st_mtime for path in [self.folder / "part"]), default=0.0)
        for path in (self.folder / "part").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < newest - PART_SECONDS:
                    path.unlink()
        for other in siblings.iterdir() if siblings and siblings.is_dir() else ():
            if other != self.folder and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
        self.sweep()
