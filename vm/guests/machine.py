"""Communication with the init of a running guest, with a time limit."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from vm.guests.process import Debug, Ends, close_debug
from vm.guests.wire import MAGIC, OUT_OF_TIME, GuestError, Request, Result

MAX_ANSWER: Final = 64 << 20  # bytes of one answer
_CONSOLE: Final = 16 << 10  # of the console's text, the last ones are kept
_PIECE: Final = 1 << 18
# Beginnings of console lines in which a kernel reports why it ends.
_TELLING: Final = ("Kernel panic", "reboot: ")
_STAMP: Final = re.compile(r"^\[ *\d+\.\d+\] ")


class Machine:
    """A running guest; leaving the context kills it.

    seconds -- how long it may live, by the wall clock; a call after that is a GuestError of kind "time"
    heard   -- bytes that it wrote to its console
    """

    def __init__(self, ends: Ends, seconds: float) -> None:
        self._ends = ends
        self._until = time.monotonic() + seconds
        self._buffer = bytearray()
        self._said = bytearray()
        self.heard = 0
        self._watched: tuple[socket.socket, Callable[[], None]] | None = None
        ends.port.setblocking(False)
        ends.console.setblocking(False)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """QEMU's process."""
        return self._ends.pid

    @property
    def debug(self) -> Debug | None:
        """Its gdb stub and log, if it was restored with them."""
        return self._ends.debug

    def watch(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Call `ready` whenever the socket can be read while an answer is waited for."""
        self._watched = sock, ready

    @property
    def console(self) -> str:
        """The last part of the console output."""
        return self._said.decode("utf-8", "replace")

    @property
    def left(self) -> float:
        """Seconds until its time limit."""
        return self._until - time.monotonic()

    def limit(self, seconds: float) -> None:
        """Sets the time limit to `seconds` from now."""
        self._until = time.monotonic() + seconds

    def close(self) -> str:
        """Kills it and waits for its end; returns the last output of QEMU."""
        said = self._ends.stop()
        self._ends.port.close()
        self._ends.console.close()
        if self._ends.debug is not None and self._ends.debug.stub.fileno() >= 0:
            close_debug(self._ends.debug)
        return said

    def run(self, request: Request) -> list[Result]:
        """Sends a request to the guest; GuestError if the guest ends, exceeds its time or sends an invalid answer."""
        waiting = memoryview(request.encode())
        while waiting:
            waiting = waiting[self._pump(waiting) :]
        return request.decode(self._take)

    def greeted(self) -> None:
        """Wait until a guest that boots listens."""
        if int.from_bytes(self._take(4), "little") != MAGIC:
            raise GuestError("protocol", "The guest did not start as it should.")

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._pump(None)
        out = bytes(self._buffer[:size])
        del self._buffer[:size]
        return out

    def _pump(self, waiting: memoryview | None) -> int:
        """Waits until the socket is readable or `waiting` can be written; returns the number of written bytes."""
        left = self.left
        if left <= 0:
            raise GuestError("time", OUT_OF_TIME)
        port, console = self._ends.port, self._ends.console
        watched = [self._watched[0]] if self._watched is not None else []
        ready, writable, _ = select.select([port, console, *watched], [port] if waiting is not None else [], [], left)
        if self._watched is not None and self._watched[0] in ready:
            self._watched[1]()
            return 0
        if console in ready:
            self._hear()
        if port in ready:
            piece = self._receive(port)
            if not piece:
                raise self._gone()
            self._buffer += piece
            if len(self._buffer) > MAX_ANSWER:
                raise GuestError("protocol", "The guest answered more than it was asked for.")
        if writable and waiting is not None:
            try:
                return port.send(waiting[:_PIECE])
            except BlockingIOError:
                return 0
            except OSError:
                raise self._gone() from None
        return 0

    def _hear(self) -> bool:
        """Reads the console; False at its end."""
        piece = self._receive(self._ends.console)
        self.heard += len(piece)
        self._said += piece
        del self._said[:-_CONSOLE]
        return bool(piece)

    @staticmethod
    def _receive(end: socket.socket) -> bytes:
        try:
            return end.recv(_PIECE)
        except OSError:
            return b""

    def _gone(self) -> GuestError:
        """Why the port closed: the last output of QEMU or the kernel."""
        while select.select([self._ends.console], [], [], 0.1)[0] and self._hear():
            pass
        said = self._ends.stop()
        lines = [line for line in self.console.splitlines() if line.strip()]
        if not lines and said:
            return GuestError("start", f"QEMU ended: {said[:500]}")
        return GuestError("crash", f"The guest's kernel gave up{_last_words(lines)}.")


def _last_words(lines: list[str]) -> str:
    """The console line that explains the end of a kernel: why it panicked or restarts, else its last line."""
    telling = [line for line in lines if any(word in line for word in _TELLING)] or lines[-1:]
    text = _STAMP.sub("", telling[0]).strip().rstrip(".")[:300] if telling else ""
    return f': "{text}"' if text else ""
