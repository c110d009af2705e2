"""What a job says, as a Redis Stream that any web process can read by number.

Entry number n has the ID `n-0`, so that Redis refuses a second writer of the same number, and one field with signed
data: a letter (STARTED, FRAME, NEED, END) and its content. A stream is complete while the job has said at most
WHOLE_BYTES. After that, entries that were read are removed, and the writer waits while there are AHEAD_BYTES unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from redis import asyncio as redis

from playground.jobs.engine import key
from playground.jobs.signed import seal, unseal

STARTED, FRAME, NEED, END = b"S", b"F", b"N", b"E"
"""A worker begins the job; a frame of the run; the name of a file that the worker needs; JSON about how it ended."""
WHOLE_BYTES: Final = 16 << 20
AHEAD_BYTES: Final = 4 << 20
MOST_ENTRIES: Final = 1 << 18
"""Entries of one stream at the same time: more than a run may have messages (record.MOST_ENTRIES)."""
KEPT_SECONDS: Final = 120
"""Seconds for which the stream of a job that ended can be read."""
SILENT_SECONDS: Final = 600
"""Seconds after which the stream of a job that neither says anything nor ends is removed."""
BATCH: Final = 64
FIELD: Final = b"d"


class Lost(Exception):  # noqa: N818 - says what happened
    """Entries that have not been read are no longer there."""


def purpose(name: str, number: int) -> str:
    return f"out {name} {number}"


class Writer:
    """Writes the stream of one job; `going` says whether anybody still wants it."""

    def __init__(self, client: redis.Redis, secret: str, name: str, going: Callable[[], Awaitable[bool]]) -> None:
        self.number = 0
        self._client = client
        self._secret = secret
        self._name = name
        self._going = going
        self._total = 0
        self._unread: deque[tuple[int, int]] = deque()
        self._ahead = 0

    async def write(self, kind: bytes, data: bytes = b"") -> bool:
        """Append an entry. False if the job is no longer wanted. RedisError, also if another worker writes too."""
        self.number += 1
        sealed = seal(self._secret, purpose(self._name, self.number), kind + data)
        out = key("out", self._name)
        await self._client.xadd(out, {FIELD: sealed}, id=f"{self.number}-0", maxlen=MOST_ENTRIES, approximate=True)
        if self.number % BATCH == 1 or kind == END:
            await self._client.expire(out, KEPT_SECONDS if kind == END else SILENT_SECONDS)
        self._total += len(sealed)
        self._ahead += len(sealed)
        self._unread.append((self.number, len(sealed)))
        if self._total > WHOLE_BYTES and kind != END:
            return await self._wait()
        return True

    async def _wait(self) -> bool:
        """Remove what was read; wait until little is unread. False if the job is no longer wanted."""
        while True:
            read = int(await self._client.get(key("read", self._name)) or 0)
            while self._unread and self._unread[0][0] <= read:
                self._ahead -= self._unread.popleft()[1]
            await self._client.xtrim(key("out", self._name), minid=f"{read + 1}-0", approximate=False)
            if self._ahead <= AHEAD_BYTES:
                return True
            if not await self._going():
                return False
            await asyncio.sleep(0.02)


async def read(client: redis.Redis, secret: str, name: str) -> AsyncIterator[tuple[bytes, bytes] | None]:
    """Yields (letter, content) of all entries of a stream, from the first; None after each second without one.

    Lost if the beginning is missing, Forged, RedisError.
    """
    out, number = key("out", name), 0
    while True:
        found: Any = await client.xread({out: f"{number}-0"}, count=BATCH, block=1000)
        entries = (found[out.encode()][0] if isinstance(found, dict) else found[0][1]) if found else []
        if not entries:
            yield None
            continue
        for identity, fields in entries:
            if identity != b"%d-0" % (number + 1):
                raise Lost(f"entry {number + 1} of {name} is missing")
            number += 1
            data = unseal(secret, purpose(name, number), fields.get(FIELD, b""))
            yield data[:1], data[1:]
        await client.set(key("read", name), number, ex=SILENT_SECONDS)
