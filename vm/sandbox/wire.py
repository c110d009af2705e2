"""Messages between a launcher and its client: a JSON header, then the bytes it announces."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LENGTH: Final = struct.Struct("<Q")
_MAX_HEADER: Final = 1 << 20
_MAX_BLOBS: Final = 64 << 20


class Closed(Exception):  # noqa: N818 - not an error: how either side learns that the other has ended
    """The other side is gone."""


def send(sock: socket.socket, header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Send one message. `header` gets a key "blobs": their lengths."""
    text = json.dumps({**header, "blobs": [len(b) for b in blobs]}).encode()
    try:
        sock.sendall(_LENGTH.pack(len(text)) + text + b"".join(blobs))
    except (BrokenPipeError, ConnectionResetError):
        raise Closed from None


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[bytes]]:
    """The next message; `Closed` at the end, TimeoutError as the socket's timeout says."""
    (length,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    if length > _MAX_HEADER:
        raise Closed
    header = json.loads(_exactly(sock, length))
    lengths = header["blobs"]
    if sum(lengths) > _MAX_BLOBS:
        raise Closed
    return header, [_exactly(sock, n) for n in lengths]


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        try:
            part = sock.recv(min(count - len(data), 1 << 18))
        except ConnectionResetError:
            raise Closed from None
        if not part:
            raise Closed
        data += part
    return bytes(data)
