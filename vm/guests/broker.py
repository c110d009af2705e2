"""Guests for a confined process, which cannot start processes: a helper process restores them and passes their sockets.

The client starts it (start()) before it confines itself. Each request, a line of JSON, is answered by a line with the
two sockets of a guest attached and a third one, the leash: when its other end is closed, the guest is killed. Two more
are its gdb stub and its log, if they were asked for. The helper ends, with all guests, when its client does.
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
from typing import Any, Final, NamedTuple

from vm.guests.process import Debug, Ends, close_debug, restore
from vm.guests.wire import GuestError
from vm.sandbox import layers

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_LINE: Final = 4096
_ANSWER_SECONDS: Final = 20.0
_MOST: Final = 4  # guests of one client
MOST_VARIABLE: Final = "BPFSCOPE_GUESTS_AT_ONCE"
_PATIENCE: Final = 15.0  # seconds that a client waits for the end of another client's guest
_PAUSE: Final = 0.1
_ADDRESS_BYTES: Final = 100
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

    def restore(self, folder: Path, seconds: float, patience: float = _PATIENCE, *, debug: bool = False) -> Ends:
        """As vm.guests.process.restore(). patience -- seconds to wait while all guests that there may be are in use"""
        until = time.monotonic() + patience
        while True:
            answer, fds = self._ask(folder, seconds, debug=debug)
            if len(fds) == (5 if debug else 3):
                break
            for fd in fds:
                os.close(fd)
            if not answer.get("busy") or time.monotonic() > until:
                raise GuestError("start", str(answer.get("error", "The process that starts guests has ended.")))
            time.sleep(_PAUSE)
        port, console, leash = (socket.socket(fileno=fd) for fd in fds[:3])
        given = Debug(socket.socket(fileno=fds[3]), fds[4]) if debug else None
        return Ends(port, console, int(answer["pid"]), lambda: _let_go(leash), given)

    def _ask(self, folder: Path, seconds: float, *, debug: bool) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            try:
                self._sock.send(json.dumps({"folder": str(folder), "seconds": seconds, "debug": debug}).encode())
                data, fds, _, _ = socket.recv_fds(self._sock, _LINE, 5)
            except OSError as error:
                raise GuestError("start", f"The process that starts guests does not answer: {error}.") from None
        return json.loads(data or b"{}"), fds

    def close(self) -> None:
        """End it and its guests."""
        self._sock.close()
        self._process.wait()


def _let_go(leash: socket.socket) -> str:
    """Has the guest killed; waits for its end and returns the output of QEMU."""
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


def most() -> int:
    """Guests of all clients of this user together (BPFSCOPE_GUESTS_AT_ONCE)."""
    named = os.environ.get(MOST_VARIABLE, "")
    return max(1, int(named)) if named.isdecimal() else max(2, os.cpu_count() or 1)


def _place() -> socket.socket | None:
    """One of the places for guests, held until it is closed or this process ends; None if none is free.

    A place is the name of an abstract socket: no file is left behind, however the process ends.
    """
    for number in range(most()):
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0bpfscope-guest-{os.getuid()}-{number}"[:_ADDRESS_BYTES])
        except OSError:
            held.close()
            continue
        return held
    return None


class _Guest(NamedTuple):
    """A running guest. until -- when it is killed; place -- its place among the guests of the user."""

    ends: Ends
    until: float
    place: socket.socket

    def stop(self) -> str:
        """Kills it; returns the output of QEMU."""
        with self.place:
            return self.ends.stop()


def main(fd: int) -> None:
    """Serve the client on socket `fd` until it closes."""
    layers.die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=fd)
    guests: dict[socket.socket, _Guest] = {}
    while True:
        ready, _, _ = select.select([sock, *guests], [], [], 1.0)
        now = time.monotonic()
        for leash, guest in list(guests.items()):
            if leash in ready or now > guest.until:
                del guests[leash]
                with leash, contextlib.suppress(OSError):
                    leash.sendall(guest.stop().encode())
        if sock not in ready:
            continue
        try:
            data = sock.recv(_LINE)
        except OSError:
            data = b""
        if not data:
            break
        _serve(sock, json.loads(data), guests)
    for guest in guests.values():
        guest.stop()


def _serve(sock: socket.socket, asked: dict[str, Any], guests: dict[socket.socket, _Guest]) -> None:
    seconds = float(asked["seconds"])
    place = _place() if len(guests) < _MOST else None
    if place is None:
        said = f"All guests that this server may have ({most()}) are in use: try again in a moment."
        sock.send(json.dumps({"error": said, "busy": True}).encode())
        return
    try:
        ends = restore(Path(asked["folder"]), seconds, debug=bool(asked["debug"]))
    except GuestError as error:
        place.close()
        sock.send(json.dumps({"error": error.message}).encode())
        return
    leash, theirs = socket.socketpair()
    guests[leash] = _Guest(ends, time.monotonic() + seconds + _GRACE, place)
    told = json.dumps({"pid": ends.pid}).encode()
    with theirs, ends.port, ends.console, contextlib.suppress(OSError):
        more = [ends.debug.stub.fileno(), ends.debug.log] if ends.debug is not None else []
        socket.send_fds(sock, [told], [ends.port.fileno(), ends.console.fileno(), theirs.fileno(), *more])
    if ends.debug is not None:
        close_debug(ends.debug)
