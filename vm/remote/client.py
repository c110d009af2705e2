"""A client of the run protocol (docs/protocol.md). It ignores fields and messages that it does not know.

with Connection("http://127.0.0.1:8000") as server:
    for message in server.run({"kind": "asm", "source": "r0 = 2\\nexit"}):
        ...
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from types import TracebackType
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from vm.errors import InputError
from vm.remote.fitting import fitted

VERSION: Final = 1
PART: Final = 1024
"""Most items of a list to ask for at once."""
SECONDS: Final = 120.0
"""Longest wait for a message: a run may take JOB_SECONDS, and more may wait before it."""
REFUSED: Final = frozenset({"bad_request", "size", "busy", "disk", "unknown_run", "upload"})
"""Codes of an `error` after which no `done` follows."""
CLOSED: Final = {
    1009: "the message was too long for it",
    1012: "it is being restarted",
    4008: "this client did not read for too long",
    4029: "there are too many connections from this address",
}
ENDS: Final = {
    "contents": "contents",
    "rewritten": "rewritten",
    "fixes": "fixes_done",
    "counterexample": "counterexample",
}
"""Type of a message that asks about a program -> type of the last message of its answer."""
ANSWERS: Final = {"fixes": ("fix",)}
"""The same -> types of the messages before the last."""
BYTES: Final = "application/octet-stream"
SCHEMES: Final = {"http": "ws", "https": "wss"}
Message = dict[str, Any]


class ServerError(InputError):
    """The server cannot be reached, or went away. `code` is that of its `error` message, "" without one."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Connection:
    """One WebSocket to a server, for one run at a time.

    server   -- address of its page, "http://127.0.0.1:8000"
    seconds  -- longest wait for a message
    received -- bytes of messages so far
    hello    -- the server's first message: version, compiler, kernel, limits
    run_id   -- of the last run, for resume() on another connection; "" before
    """

    def __init__(self, server: str, seconds: float = SECONDS) -> None:
        self.server = server
        self.seconds = seconds
        self.run_id = ""
        self.received = 0
        self._open = ExitStack()
        parts = urlsplit(server)
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise ServerError(f"{server}: a server's address has to be like http://127.0.0.1:8000.")
        origin = f"{parts.scheme}://{parts.netloc}"
        url = f"{SCHEMES[parts.scheme]}://{parts.netloc}/ws/run"
        try:
            self._socket = self._open.enter_context(connect(url, origin=Origin(origin), max_size=None, open_timeout=10))
        except InvalidStatus as e:
            raise ServerError(f"{server}: it answered with status {e.response.status_code}.") from None
        except (OSError, WebSocketException) as e:
            reason = getattr(e, "strerror", None) or str(e) or type(e).__name__
            raise ServerError(f"{server}: no playground can be reached there: {reason}.") from None
        try:
            self.hello = self.receive()
            if self.hello.get("type") != "hello" or self.hello.get("v") != VERSION:
                raise ServerError(f"{server}: it does not speak version {VERSION} of the run protocol.")
        except ServerError:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a run that goes on is cancelled by that."""
        with suppress(OSError, WebSocketException):
            self._open.close()

    def send(self, message: Message) -> None:
        """Send one message. What is too long for one is uploaded first. ServerError."""
        most = self.hello.get("limits", {}).get("message_bytes", 0)
        try:
            self._socket.send(json.dumps(fitted(message, most, self.upload) if most else message))
        except ConnectionClosed as e:
            raise self._closed(e) from None

    def upload(self, kind: str, data: bytes) -> str:
        """Upload a file of a kind (docs/web.md, "Uploads"): its id. ServerError."""
        request = Request(f"{self.server.rstrip('/')}/api/uploads?kind={kind}", data, {"Content-Type": BYTES})
        try:
            with urlopen(request, timeout=self.seconds) as response:
                return str(json.load(response)["id"])
        except HTTPError as e:
            with e:
                raise ServerError(f"{self.server}: {_error_of(e)}") from None
        except (OSError, HTTPException, ValueError, KeyError) as e:
            raise ServerError(f"{self.server}: a file could not be uploaded: {e}.") from None

    def receive(self) -> Message:
        """The next message. ServerError after `seconds`, or when the server closed the connection."""
        try:
            text = self._socket.recv(self.seconds)
            self.received += len(text.encode() if isinstance(text, str) else text)
            message = json.loads(text)
        except TimeoutError:
            raise ServerError(f"{self.server}: no answer within {self.seconds:g} seconds.") from None
        except ConnectionClosed as e:
            raise self._closed(e) from None
        except ValueError:
            raise ServerError(f"{self.server}: what it sent is no JSON.") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ServerError(f"{self.server}: what it sent is no message of the run protocol.")
        return message

    def run(self, request: Message, instead: str = "") -> Iterator[Message]:
        """Start a run; its messages from `accepted` to `done`, or to the `error` that refuses it.

        request -- *Request* of docs/protocol.md; instead -- id of a run that is replaced
        """
        more = {"instead": instead} if instead else {}
        self.send({"type": "run", "v": VERSION, "request": request, **more})
        yield from self._told()

    def resume(self, run_id: str) -> Iterator[Message]:
        """All messages of a run that another connection started, from `accepted` to `done`."""
        self.send({"type": "resume", "run": run_id})
        yield from self._told()

    def cancel(self) -> None:
        """Stop the run: run() then ends with a `done` that is cancelled."""
        self.send({"type": "cancel"})

    def window(self, stage: str, first: int, to: int, run: int = 0) -> list[Message]:
        """The `steps` messages that hold steps [first, to) of the finished run, as far as they exist.

        stage -- verify or run; to is at most `hello["limits"]["window"]` after first
        """
        self.send({"type": "window", "stage": stage, "run": run, "from": first, "to": to})
        found: list[Message] = []
        while True:
            message = self._answer("steps")
            found.append(message)
            end = message["from"] + len(message["steps"])
            if not message["steps"] or end >= min(to, message["total"]):
                return found

    def part(self, name: str, count: int) -> list[Any]:
        """The `count` items of a list of the finished run, for a stage's message whose `more` says how many there are.

        Fewer where the server has fewer.
        """
        items: list[Any] = []
        while len(items) < count:
            to = min(len(items) + PART, count)
            self.send({"type": "part", "list": name, "from": len(items), "to": to})
            while len(items) < to:
                message = self._answer("part")
                if not message["items"]:
                    return items
                items += message["items"][len(items) - message["from"] :]
        return items

    def log(self) -> Message:
        """The whole log of the finished run, for a `verify` message with `log_more`: {log, log_cut, log_steps}."""
        self.send({"type": "log"})
        return self._answer("log")

    def ask(self, kind: str, request: Message) -> Iterator[Message]:
        """The messages that answer a question about a program, as they come. ServerError where the server refuses.

        kind -- type of the message that asks, a key of ENDS; request -- *Request* of docs/protocol.md
        """
        end = ENDS[kind]
        self.send({"type": kind, "request": request})
        while True:
            message = self.receive()
            if message["type"] == "error":
                raise ServerError(f"{self.server}: {message.get('message', '')}", message.get("code", ""))
            if message["type"] in (end, *ANSWERS.get(kind, ())):
                yield message
            if message["type"] == end:
                return

    def _answer(self, kind: str) -> Message:
        """The next message of a type. ServerError where the server refuses."""
        while True:
            message = self.receive()
            if message["type"] == "error":
                raise ServerError(f"{self.server}: {message.get('message', '')}", message.get("code", ""))
            if message["type"] == kind:
                return message

    def _told(self) -> Iterator[Message]:
        while True:
            message = self.receive()
            if message["type"] == "accepted":
                self.run_id = str(message.get("run", ""))
            yield message
            if message["type"] == "done" or (message["type"] == "error" and message.get("code") in REFUSED):
                return

    def _closed(self, error: ConnectionClosed) -> ServerError:
        code = error.rcvd.code if error.rcvd is not None else 0
        reason = CLOSED.get(code, "the connection was lost")
        return ServerError(f"{self.server}: the server closed the connection: {reason}.")


def _error_of(response: HTTPError) -> str:
    """The sentence with which a request was refused."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.load(response)["error"])
    return f"it answered an upload with status {response.status}."
