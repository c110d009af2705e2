"""Files that were uploaded for runs: kept for a while, within shares of clients and a total."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playground import metrics
from playground.jobs.queue import SERVER, Client

WAIT_SECONDS: Final = 600
"""Seconds after its last use at which a file expires."""
FRESH_SECONDS: Final = 60
"""Seconds within which a file that was just uploaded is not removed for others: the run that needs it is to come."""
MOST_FILES: Final = 2048
"""Largest number of files."""
FILES_OF_CLIENT: Final = 128
"""Largest number of files of one share."""
STEP_BYTES: Final = 1 << 20
"""Room that is reserved at once for an upload that goes on."""
PATIENT_BYTES: Final = 25 << 20
"""Bytes of an uploaded log for which the limits of time and CPU time are granted once more."""
NAME: Final = re.compile("[0-9a-f]{32}")


class Full(Exception):  # noqa: N818 - not an error
    """There is no room for a file. own: because of the client's other files."""

    def __init__(self, *, own: bool) -> None:
        super().__init__()
        metrics.refusals.labels("upload_space").inc()
        self.own = own


@dataclass
class Coming:
    """An upload that goes on."""

    name: str
    client: Client
    digest: Any
    length: int = 0
    reserved: int = 0


@dataclass
class _Held:
    """The files there are."""

    length: int = 0
    of_client: Counter[str] = field(default_factory=Counter)
    files_of: Counter[str] = field(default_factory=Counter)


class Uploads:
    """A folder of files named by an HMAC of their content, or by random ids; whoever knows the id can use the file.

    An id tells nothing of the content to those who do not have the key, and the same content has the same id.

    most      -- bytes of all files
    of_client -- bytes of one share's files
    Its methods may be called in threads.
    """

    def __init__(self, folder: Path, key: str = "", most: int = 1 << 40, of_client: int = 1 << 40) -> None:
        self.folder = folder
        self.most = most
        self.of_client = of_client
        self._key = key.encode()
        self._coming: dict[str, Coming] = {}
        self._owners: dict[str, str] = {}
        self._claims: Counter[str] = Counter()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Create the folder and remove expired files of earlier servers; other servers may be using it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def path(self, name: str) -> Path:
        """The path of the file of an id. ValueError for an invalid id."""
        if NAME.fullmatch(name) is None:
            raise ValueError(name)
        return self.folder / name

    def id_of(self, data: bytes) -> str:
        """The id of a file with this content."""
        digest = self._digest()
        digest.update(data)
        return str(digest.hexdigest()[:32])

    def _digest(self) -> Any:
        return hmac.new(self._key, b"upload\0", hashlib.sha256)

    def begin(self, client: Client = SERVER, length: int = 0) -> Coming:
        """A new upload, of which `length` bytes are announced. Full."""
        with self._lock:
            self.sweep()
            self._need(client, length, 1)
            coming = Coming(secrets.token_hex(16), client, self._digest())
            self._coming[coming.name] = coming
            return coming

    def part(self, coming: Coming) -> Path:
        """The path of a file during its upload."""
        return self.folder / f"{coming.name}.part"

    def write(self, coming: Coming, handle: int, data: bytes) -> None:
        """Write the next bytes of an upload. Full, OSError."""
        with self._lock:
            coming.length += len(data)
            if coming.length > coming.reserved:
                more = max(STEP_BYTES, coming.length - coming.reserved)
                self._need(coming.client, more, 0)
                coming.reserved += more
        coming.digest.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def keep(self, coming: Coming) -> str:
        """The upload is complete: its id."""
        name = str(coming.digest.hexdigest()[:32])
        with self._lock:
            os.replace(self.part(coming), self.path(name))
            self._coming.pop(coming.name, None)
            self._owners[name] = coming.client.name
        return name

    def abandon(self, coming: Coming) -> None:
        """Remove what came of an upload that failed."""
        with self._lock:
            self._coming.pop(coming.name, None)
            self.part(coming).unlink(missing_ok=True)

    def put(self, data: bytes, client: Client = SERVER) -> str:
        """Store content that is here; its id. Full, OSError."""
        name = self.id_of(data)
        with contextlib.suppress(OSError):
            os.utime(self.path(name))
            return name
        coming = self.begin(client, len(data))
        try:
            handle = os.open(self.part(coming), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                self.write(coming, handle, data)
            finally:
                os.close(handle)
            return self.keep(coming)
        except BaseException:
            self.abandon(coming)
            raise

    def claim(self, name: str) -> int | None:
        """Keep a file until release(): its bytes; None if it is not there."""
        path = self.path(name)
        with self._lock:
            try:
                os.utime(path)
                length = path.stat().st_size
            except OSError:
                return None
            self._claims[name] += 1
            return length

    def release(self, name: str) -> None:
        """A run that needed the file is over."""
        with self._lock:
            self._claims[name] -= 1
            if self._claims[name] <= 0:
                del self._claims[name]

    def drop(self, name: str) -> None:
        """Remove a file that is no longer needed, unless another run waits for it."""
        with self._lock:
            if not self._claims[name]:
                self._owners.pop(name, None)
                self.path(name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove expired files, and what is left of uploads of servers that ended."""
        oldest = time.time() - WAIT_SECONDS
        with self._lock:
            for used, _, path in self._files():
                if used < oldest:
                    self._remove(path)

    def _files(self) -> list[tuple[float, int, Path]]:
        """Files that may be removed or counted, the least recently used first: when, bytes, path."""
        found = []
        for path in self.folder.iterdir():
            if path.stem in self._coming or self._claims.get(path.stem):
                continue
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        return sorted(found)

    def _remove(self, path: Path) -> None:
        self._owners.pop(path.stem, None)
        path.unlink(missing_ok=True)

    def _held(self) -> _Held:
        held = _Held()
        for path in self.folder.iterdir():
            if path.stem in self._coming:
                continue
            with contextlib.suppress(FileNotFoundError):
                length = path.stat().st_size
                owner = self._owners.get(path.stem, "")
                held.length += length
                held.of_client[owner] += length
                held.files_of[owner] += 1
        for coming in self._coming.values():
            held.length += coming.reserved
            held.of_client[coming.client.name] += coming.reserved
            held.files_of[coming.client.name] += 1
        return held

    def _need(self, client: Client, length: int, files: int) -> None:
        """Make room, if necessary by removing files that were not used for longest. Full."""
        held = self._held()
        count = sum(held.files_of.values())

        def own() -> bool:
            over = held.of_client[client.name] + length > self.of_client * client.share
            return client != SERVER and (over or held.files_of[client.name] + files > FILES_OF_CLIENT * client.share)

        def all_of_them() -> bool:
            return held.length + length > self.most or count + files > MOST_FILES

        if not own() and not all_of_them():
            return
        newest = time.time() - FRESH_SECONDS
        for used, size, path in self._files():
            owner = self._owners.get(path.stem, "")
            if used > newest or not (all_of_them() or (own() and owner == client.name)):
                continue
            self._remove(path)
            count -= 1
            held.length -= size
            held.of_client[owner] -= size
            held.files_of[owner] -= 1
        if own():
            raise Full(own=True)
        if all_of_them():
            raise Full(own=False)


def patience(size: int) -> float:
    """How many further times a job that reads a log of `size` bytes gets the time limits."""
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
