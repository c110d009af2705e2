"""The end of a connection whose client still sends: it can read the answer before the connection is gone.

Many clients send a whole request before they read. Closed at once, such a connection is reset, and the client sees that
instead of the answer. So only this side of it is closed (RFC 9112, section 9.6), and what comes is read and dropped,
within a number of bytes and seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

SECONDS: Final = 5
BYTES: Final = 32 << 20
AT_ONCE: Final = 64
"""Connections that may end in this way at the same time; further ones are closed at once."""

_ending: set[Lingering] = set()


class Lingering:
    """A transport whose `close` waits for a client that still sends.

    whole -- whether the request arrived to its end: then nothing has to be waited for
    """

    def __init__(self, transport: asyncio.Transport, whole: Callable[[], bool]) -> None:
        self.transport = transport
        self._whole = whole
        self._left = BYTES
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    @property
    def ending(self) -> bool:
        """Whether everything was said, and what still comes is dropped."""
        return self in _ending

    def is_closing(self) -> bool:
        return self.ending or self.transport.is_closing()

    def write(self, data: bytes) -> None:
        if not self.ending:
            self.transport.write(data)

    def close(self) -> None:
        if self.is_closing():
            return
        if self._whole() or len(_ending) >= AT_ONCE:
            self.transport.close()
            return
        _ending.add(self)
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self.end)
        self.transport.resume_reading()  # a body that nobody took has paused it
        self.transport.write_eof()

    def drop(self, data: bytes) -> None:
        """Drop what the client sent after the answer."""
        self._left -= len(data)
        if self._left < 0:
            self.end()

    def end(self) -> None:
        """Close the connection now."""
        self.over()
        self.transport.close()

    def over(self) -> None:
        """The connection is lost."""
        _ending.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
