"""Limits of a connection that uvicorn has none for: how many, how long a request may take to arrive, who reads nothing.

Without them a client that opens connections and sends half a request on each holds a descriptor for each of them, until
the server has none left for anybody.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from typing import Any, Final, cast

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from playground import metrics
from playground.clients import network
from playground.lingering import Lingering

HEADER_BYTES: Final = 32 << 10
"""Of one request: line and header fields. A link's address and a class token fit well."""
RESERVED_FILES: Final = 800
"""Descriptors for what is no connection: records of kept runs, workers' pipes, the database."""
_REFUSALS: Final = {
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_SENTENCES: Final = {
    408: "The request did not arrive in time.",
    431: "The request's header is too long.",
    503: "The server has too many open connections; try again in a moment.",
}

log = logging.getLogger("playground.connections")


def allow_files() -> int:
    """Raise the number of files this process may have open as far as it may, and return that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


class Connections:
    """How many connections there are, all together and of each peer."""

    def __init__(self) -> None:
        self.most = 1 << 30
        self.most_of_peer = 1 << 30
        self.count = 0
        self._of_peer: Counter[str] = Counter()

    def configure(self) -> None:
        """Read the settings; the limit of open files of this process bounds them."""
        self.most = max(min(settings.MAX_CONNECTIONS, allow_files() - RESERVED_FILES), 16)
        # Behind a proxy the peer is the proxy.
        self.most_of_peer = self.most if settings.TRUSTED_PROXIES else settings.CONNECTIONS_PER_ADDRESS

    def open(self, peer: str) -> bool:
        """Count one more; whether it may stay. What was counted has to be closed."""
        self.count += 1
        self._of_peer[peer] += 1
        stays = self.count <= self.most and self._of_peer[peer] <= self.most_of_peer
        if not stays:
            metrics.refusals.labels("connections").inc()
        return stays

    def close(self, peer: str) -> None:
        self.count -= 1
        self._of_peer[peer] -= 1
        if not self._of_peer[peer]:
            del self._of_peer[peer]


connections: Final = Connections()


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits.

    A request's header has to arrive within HEADER_SECONDS and has a largest size; a body may pause, and a client may
    read nothing, for STALL_SECONDS. After an upgrade the WebSocket's own limits hold (pings; the consumer's timeout).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_header = True
        self._whole = False
        self._peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = Lingering(transport, lambda: self._whole)
        super().connection_made(cast(asyncio.Transport, self._lingering))
        self._peer = network(str(self.client[0]) if self.client else "", "")
        if connections.open(self._peer):
            self._expect(settings.HEADER_SECONDS)
        else:
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        connections.close(self._peer)
        self._cancel()
        self._lingering.over()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._lingering.ending:
            self._lingering.end()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._lingering.ending:
            self._lingering.drop(data)
            return
        if self.transport.is_closing():
            return
        if self._in_header:
            self._header_bytes += len(data)
        elif self._timer is not None:
            self._expect(settings.STALL_SECONDS)
        super().data_received(data)
        if self._in_header and self._header_bytes > HEADER_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def handle_websocket_upgrade(self) -> None:
        self._cancel()
        self.transport = self._lingering.transport
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._whole = False
        if self._timer is None:
            self._expect(settings.HEADER_SECONDS)

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._header_bytes = 0
        self._expect(settings.STALL_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._whole = True
        self._cancel_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._cancel_timer()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(settings.STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _expect(self, seconds: float) -> None:
        """More of the request has to arrive within so many seconds."""
        self._cancel_timer()
        self._timer = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if not self._in_header and self.cycle is not None and self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer and close, without a word in the log: there may be thousands."""
        body = _SENTENCES[status].encode()
        self.transport.write(
            f"HTTP/1.1 {status} {_REFUSALS[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nretry-after: 5\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        if status == 408:  # whoever sends too slowly is not waited for
            self._lingering.end()
        else:
            self.transport.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel(self) -> None:
        self._cancel_timer()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol; it ends what LimitedProtocol began to count."""

    def connection_lost(self, exc: Exception | None) -> None:
        connections.close(network(str(self.client[0]) if self.client else "", ""))
        super().connection_lost(exc)
