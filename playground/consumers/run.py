"""The run socket: docs/protocol.md, from the server's side.

A consumer holds no message back in memory: it keeps a place in the record and sends one message at a time,
as fast as its reader takes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from playground.jobs.frames import FrameError
from playground.jobs.pool import Busy
from playground.jobs.record import WINDOW
from playground.jobs.run import FINISHED, QUEUED, Run
from playground.jobs.service import Service, service
from playground.requests import BadRequest, check_request, size
from playground.throttle import network_of
from playground.views.pages import limits

log = logging.getLogger("playground.socket")
VERSION = 1
SEND_SECONDS = 30  # a reader that takes nothing for so long is let go
PROGRESS_SECONDS = 0.1
SLOW, TOO_MANY = 4008, 4029
_sockets: Counter[str] = Counter()


class Gone(Exception):  # noqa: N818 - no error: whoever was there has left
    """The other side closed the socket while something was sent."""


class RunConsumer(AsyncWebsocketConsumer):
    """One socket: at most one run at a time. It uses neither the database nor a channel layer."""

    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run: Run | None = None
        self.pump: asyncio.Task[None] | None = None
        self.network = ""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the parent's, without looking after database connections in a thread at each message."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self.disconnect(message["code"])
        raise StopConsumer

    async def connect(self) -> None:
        self.network = network_of((self.scope.get("client") or ("", 0))[0])
        _sockets[self.network] += 1
        await self.accept()
        if _sockets[self.network] > settings.SOCKETS_PER_ADDRESS:
            await self.close(TOO_MANY)
            return
        about = service().pool.about
        await self.say(
            type="hello", v=VERSION, compiler=about.get("compiler", ""), sandbox=about.get("sandbox"), limits=limits()
        )

    async def disconnect(self, code: int) -> None:
        await self.let_go()
        _sockets[self.network] -= 1
        if _sockets[self.network] <= 0:
            del _sockets[self.network]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            await self.answer(text_data)
        except BadRequest as error:
            with contextlib.suppress(Gone):
                await self.say(type="error", code=error.code, message=error.message)
        except Gone:
            pass  # websocket.disconnect is on its way

    async def answer(self, text: str | None) -> None:
        if text is None:
            raise BadRequest("Messages have to be text frames.")
        if len(text) > settings.MESSAGE_BYTES:
            raise BadRequest(
                f"This is too long: one message may have {size(settings.MESSAGE_BYTES)}, "
                f"a source {size(settings.SOURCE_BYTES)}.",
                "size",
            )
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise BadRequest("A message did not arrive whole: it is not JSON.") from None
        if not isinstance(message, dict):
            raise BadRequest("A message has to be an object with a type.")
        handler = HANDLERS.get(message.get("type")) if isinstance(message.get("type"), str) else None
        if handler is None:
            raise BadRequest(f"A message's type has to be one of {', '.join(HANDLERS)}.")
        await handler(self, message)

    async def on_run(self, message: dict[str, Any]) -> None:
        if message.get("v") != VERSION:
            raise BadRequest(f"This server speaks version {VERSION} of the run protocol; reload the page.")
        request = check_request(message.get("request"))
        await self.let_go(cancel=True)
        try:
            run = service().open(request)
        except Busy:
            most = settings.QUEUE_LENGTH
            raise BadRequest(
                f"The server is busy: {most} runs are waiting already. Press Run again in a moment.", "busy"
            ) from None
        except OSError:
            log.exception("no room for a run")
            raise BadRequest("The server has no room left to write this run down. Try again later.", "disk") from None
        await self.follow(run)

    async def on_resume(self, message: dict[str, Any]) -> None:
        run_id = message.get("run")
        run = service().find(run_id) if isinstance(run_id, str) else None
        if run is None:
            raise BadRequest("This run is not known here any more; press Run again.", "unknown_run")
        await self.let_go()
        await self.follow(run)

    async def on_cancel(self, message: dict[str, Any]) -> None:
        if self.run is None:
            return
        finished = self.run.state == FINISHED
        await self.let_go(cancel=True)
        if not finished:
            await self.say(type="done", ms=0, cancelled=True)

    async def on_window(self, message: dict[str, Any]) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet to show steps of.", "unknown_run")
        stage, first, to = message.get("stage"), message.get("from"), message.get("to")
        number = message.get("run", 0)
        if stage not in ("verify", "run"):
            raise BadRequest("A window's stage has to be verify or run.")
        if type(number) is not int or number < 0:
            raise BadRequest("A window's run is the number of a run, from 0.")
        if type(first) is not int or type(to) is not int or not 0 <= first < to:
            raise BadRequest("A window goes from a step to a later one.")
        if to - first > WINDOW:
            raise BadRequest(f"A window has at most {WINDOW} steps.")
        chunks = list(run.record.window(stage, number, first, to))
        for entry in chunks:
            await self.say_text(run.record.text(entry))
        if not chunks:
            total = run.record.total(stage, number)
            empty: dict[str, Any] = {"type": "steps", "stage": stage, "run": number, "from": first, "total": total}
            await self.say(**empty, keyframe=None, steps=[])

    async def follow(self, run: Run) -> None:
        """Watch a run from its first message on."""
        self.run = run
        service().watch(run)
        self.pump = asyncio.get_running_loop().create_task(self.copy(run))

    async def let_go(self, *, cancel: bool = False) -> None:
        run, pump, self.run, self.pump = self.run, self.pump, None, None
        if pump is not None:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await pump
        if run is not None:
            _leave(service(), run, cancel)

    async def copy(self, run: Run) -> None:
        """Send what the run says, in order; of steps the first chunk of a stage, and how many there are."""
        try:
            await self.say(type="accepted", run=run.id, cached=run.cached)
            await self._copy(run)
        except Gone:
            pass
        except TimeoutError:
            with contextlib.suppress(OSError):
                await self.close(SLOW)
        except (FrameError, OSError):
            log.exception("a record cannot be read")
            await self.say(type="error", code="internal", message="What was stored of this run cannot be read.")

    async def _copy(self, run: Run) -> None:
        place, position, said_at = 0, 0, 0.0
        totals: dict[tuple[str, int], int] = {}
        while True:
            change = run.change()
            finished = run.state == FINISHED
            if run.state == QUEUED and run.position != position:
                position = run.position
                await self.say(type="queued", position=position)
            while place < len(run.record.entries):
                entry = run.record.entries[place]
                place += 1
                if not entry.unasked:
                    totals[entry.stage, entry.run] = entry.to
                    continue
                await self._progress(totals)
                await self.say_text(run.record.text(entry))
            if totals and (finished or time.monotonic() - said_at > PROGRESS_SECONDS):
                said_at = time.monotonic()
                await self._progress(totals)
            if finished:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(change.wait(), PROGRESS_SECONDS if totals else None)

    async def _progress(self, totals: dict[tuple[str, int], int]) -> None:
        while totals:
            (stage, run), total = totals.popitem()
            await self.say(type="progress", stage=stage, run=run, total=total)

    async def say(self, **message: Any) -> None:
        await self.say_text(json.dumps(message, separators=(",", ":"), ensure_ascii=False))

    async def say_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.send(text_data=text)
        except OSError as error:  # a TimeoutError is one too
            if isinstance(error, TimeoutError):
                raise
            raise Gone from None


def _leave(service: Service, run: Run, cancel: bool) -> None:
    service.leave(run, at_once=cancel)


Handler = Callable[[RunConsumer, dict[str, Any]], Awaitable[None]]
HANDLERS: dict[Any, Handler] = {
    "run": RunConsumer.on_run,
    "window": RunConsumer.on_window,
    "resume": RunConsumer.on_resume,
    "cancel": RunConsumer.on_cancel,
}
