"""Guests for a confined process, which can start nothing: a helper process restores them and hands over their ends.

The client starts it (start()) before it confines itself. Each request, a line of JSON, is answered by a line with the
two sockets of a guest attached and a third one, the leash: when its other end is closed, the guest is killed. The
helper ends, with all guests, when its client does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from vm.guests.process import Ends, restore
from vm.guests.wire import GuestError
from vm.sandbox import layers

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_LINE: Final = 4096
_ANSWER_SECONDS: Final = 20.0
_MOST: Final = 4  # guests of one client
_GRACE: Final = 5.0  # seconds a guest may live longer than its client said it needs


class Broker:
    """The client's side."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"import sys; sys.path.insert(0, {_ROOT!r}); from vm.guests.broker import main; main({theirs.fileno()})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        self._sock.settimeout(_ANSWER_SECONDS)
        self._lock = threading.Lock()

    def restore(self, folder: Path, seconds: float) -> Ends:
        """As vm.guests.process.restore()."""
        with self._lock:
            try:
                self._sock.send(json.dumps({"folder": str(folder), "seconds": seconds}).encode())
                data, fds, _, _ = socket.recv_fds(self._sock, _LINE, 3)
            except OSError as error:
                raise GuestError("start", f"The process that starts guests does not answer: {error}.") from None
        answer: dict[str, Any] = json.loads(data or b"{}")
        if len(fds) != 3:
            for fd in fds:
                os.close(fd)
            raise GuestError("start", str(answer.get("error", "The process that starts guests has ended.")))
        port, console, leash = (socket.socket(fileno=fd) for fd in fds)
        return Ends(port, console, int(answer["pid"]), lambda: _let_go(leash))

    def close(self) -> None:
        """End it and its guests."""
        self._sock.close()
        self._process.wait()


def _let_go(leash: socket.socket) -> str:
    """Have the guest killed; returns when it is gone, with what QEMU said."""
    if leash.fileno() < 0:
        return ""
    said = b""
    with leash, contextlib.suppress(OSError):
        leash.settimeout(5)
        leash.shutdown(socket.SHUT_WR)
        while piece := leash.recv(_LINE):
            said += piece
    return said.decode("utf-8", "replace")


_brokers: dict[int, Broker] = {}


def start() -> None:
    """Start this process's helper."""
    _brokers[os.getpid()] = Broker()


def broker() -> Broker | None:
    """This process's helper, if it was started."""
    return _brokers.get(os.getpid())


def main(fd: int) -> None:
    """Serve the client on socket `fd` until it closes."""
    layers.die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=fd)
    guests: dict[socket.socket, tuple[Ends, float]] = {}
    while True:
        ready, _, _ = select.select([sock, *guests], [], [], 1.0)
        now = time.monotonic()
        for leash, (ends, until) in list(guests.items()):
            if leash in ready or now > until:
                del guests[leash]
                with leash, contextlib.suppress(OSError):
                    leash.sendall(ends.stop().encode())
        if sock not in ready:
            continue
        try:
            data = sock.recv(_LINE)
        except OSError:
            data = b""
        if not data:
            break
        _serve(sock, json.loads(data), guests)
    for ends, _ in guests.values():
        ends.stop()


def _serve(sock: socket.socket, asked: dict[str, Any], guests: dict[socket.socket, tuple[Ends, float]]) -> None:
    seconds = float(asked["seconds"])
    try:
        if len(guests) >= _MOST:
            raise GuestError("start", "Too many guests are running.")
        ends = restore(Path(asked["folder"]), seconds)
    except GuestError as error:
        sock.send(json.dumps({"error": error.message}).encode())
        return
    leash, theirs = socket.socketpair()
    guests[leash] = (ends, time.monotonic() + seconds + _GRACE)
    told = json.dumps({"pid": ends.pid}).encode()
    with theirs, ends.port, ends.console, contextlib.suppress(OSError):
        socket.send_fds(sock, [told], [ends.port.fileno(), ends.console.fileno(), theirs.fileno()])
