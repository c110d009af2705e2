"""Finished records on disk: they answer identical requests, and later requests for windows."""

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
    """The key of a record, from the checked request, the compiler and this code: 128 bits in hexadecimal.

    It is an HMAC with the server's secret, so that nobody can compute the key of a program and find out with it
    whether somebody has run that program.
    """
    asked = canonical({"request": request, "toolchain": toolchain, "version": version})
    return hmac.new(secret.encode(), asked.encode(), hashlib.sha256).hexdigest()[:32]


class Store:
    """A directory of records named by key, kept under `most` bytes by LRU eviction."""

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
        except FrameError as error:
            log.warning("a damaged stored record is removed: %s", error)
            path.unlink(missing_ok=True)
            return None
        except OSError as error:
            # The record may be intact: no free descriptor, or the disk does not answer.
            log.error("a stored record cannot be read: %s", error)
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
        """Remove an unfinished record's file. Current readers continue through the open handle."""
        record.path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Evict the least recently used records until a tenth of the space is free; pinned records stay."""
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
        """Create the directory; remove unfinished records of earlier processes and directories of other versions."""
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
