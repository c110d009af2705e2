"""Transfers files through Redis in chunks: a log that was uploaded to a web process, to a worker on another machine.

The worker requests a file when it starts the job, so that files of waiting jobs are not in Redis. The web process then
pushes signed chunks on a list, at most AHEAD more than were taken; the list expires if the reader is gone.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from redis import asyncio as redis

from playground.jobs.signed import Forged, seal, unseal

CHUNK_BYTES: Final = 1 << 20
AHEAD: Final = 8
"""Largest number of chunks of one file in Redis at the same time."""
KEPT_SECONDS: Final = 60
"""Seconds after which chunks that were not taken expire."""
PATIENCE_SECONDS: Final = 30
"""Seconds that a worker waits for the next chunk."""

Going = Callable[[], Awaitable[bool]]
"""Whether the other side still reads, or sends, the file."""


class NotCarried(Exception):
    """A file did not arrive completely."""


async def give(client: redis.Redis, secret: str, key: str, file: Path, going: Going) -> None:
    """Push the content of a file on the list `key`, as fast as it is taken. OSError, RedisError."""
    handle = await asyncio.to_thread(os.open, file, os.O_RDONLY | os.O_CLOEXEC)
    number = 0
    try:
        while piece := await asyncio.to_thread(os.read, handle, CHUNK_BYTES):
            ahead = await client.rpush(key, seal(secret, _purpose(key, number), piece))
            number += 1
            await client.expire(key, KEPT_SECONDS)
            while ahead >= AHEAD:
                await asyncio.sleep(0.01)
                if not await going():
                    return
                ahead = await client.llen(key)
    finally:
        os.close(handle)


async def take(client: redis.Redis, secret: str, key: str, size: int, file: Path, going: Going) -> None:
    """Write the chunks that are pushed on the list `key` to a new file, until it has `size` bytes.

    NotCarried if there are more bytes, if a chunk is not signed or not the next one, or if the other side is gone or
    stops sending; OSError, RedisError.
    """
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        length, number, last = 0, 0, time.monotonic()
        while length < size:
            found: Any = await client.blpop([key], timeout=1)
            if found is None:
                if time.monotonic() - last > PATIENCE_SECONDS or not await going():
                    raise NotCarried(f"{length} of {size} bytes arrived")
                continue
            try:
                piece = unseal(secret, _purpose(key, number), found[1])
            except Forged as error:
                raise NotCarried(str(error)) from None
            number, length, last = number + 1, length + len(piece), time.monotonic()
            if length > size:
                raise NotCarried(f"more than {size} bytes arrived")
            await asyncio.to_thread(write, handle, piece)
    finally:
        os.close(handle)


def _purpose(key: str, number: int) -> str:
    return f"file {key} {number}"


def write(handle: int, data: bytes) -> None:
    """All of the data. OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
