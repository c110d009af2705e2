"""The server's side of the WebSocket /ws/run (docs/protocol.md).

A consumer holds no message back in memory: it keeps a place in the record and sends one message at a time,
as fast as its reader takes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import msgspec
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from playground.clients import scope_client
from playground.config.limits import INLINE_BYTES
from playground.jobs.frames import FrameError
from playground.jobs.queue import Busy
from playground.jobs.reading import Unreadable
from playground.jobs.record import WINDOW
from playground.jobs.run import FINISHED, QUEUED, Run
from playground.jobs.service import Closing, key_of, service
from playground.jobs.service import Gone as UploadGone
from playground.jobs.storage import refusal
from playground.messages import VERSION, asked, programs, questions, reads
from playground.requests import BadRequest, check_question, check_request, parse, read_message, size
from playground.views.pages import limits

log = logging.getLogger("playground.socket")
SEND_SECONDS = 30  # a client that reads nothing for so long is disconnected
PROGRESS_SECONDS = 0.1
SLOW = 4008
NORMAL, GOING_AWAY, NO_CODE = 1000, 1001, 1005  # RFC 6455, section 7.4.1


class Gone(Exception):  # noqa: N818 - not an error
    """The other side closed the socket while something was sent."""


class RunConsumer(AsyncWebsocketConsumer):
    """One socket: at most one run at a time. It uses neither the database nor a channel layer (jobs/others.py does)."""

    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run: Run | None = None
        self.pump: asyncio.Task[None] | None = None
        self.reading: dict[str, asyncio.Task[None]] = {}  # what takes as long as a run, by the type that asks
        self.gone = False  # the client has left: what it still asked for is not answered

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.let_go()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As in the parent class, but without closing old database connections in a thread for each message."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        # A client that closed the socket does not need its run any more; a lost connection may be resumed.
        await self.let_go(cancel=closed_on_purpose(message))
        raise StopConsumer

    async def connect(self) -> None:
        self.client = scope_client(self.scope)
        await self.accept()
        about = service().pool.about
        with contextlib.suppress(Gone):
            await self.say(
                type="hello",
                v=VERSION,
                compiler=about.get("compiler", ""),
                kernel=about.get("kernel", ""),
                sandbox=about.get("sandbox"),
                limits=limits(),
            )

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one message. Every failure is reported to the client before the socket ends."""
        if self.gone:
            return
        try:
            try:
                await self.answer(text_data)
            except BadRequest as error:
                await self.say(type="error", code=error.code, message=error.message)
            except Busy as error:
                await self.say(type="error", code="busy", message=error.sentence, retry_after=error.seconds)
            except (Gone, TimeoutError):
                raise
            except Exception:
                log.exception("a message could not be answered")
                message = "An error occurred on the server. It has been logged."
                await self.say(type="error", code="internal", message=message)
        except Gone:
            self.gone = True  # websocket.disconnect follows
        except TimeoutError:
            self.gone = True
            await self.shut(SLOW)

    async def answer(self, text: str | None) -> None:
        if text is None:
            raise BadRequest("Messages have to be text frames.")
        if len(text.encode("utf-8", "replace")) > settings.MESSAGE_BYTES:
            raise BadRequest(
                f"This is too long: one message may have {size(settings.MESSAGE_BYTES)}. Upload what is longer "
                "(docs/web.md, POST /api/uploads), and name the upload in the message.",
                "size",
            )
        if len(text) <= INLINE_BYTES:
            message = understand(text)
        else:
            message = await service().parsing.understood(lambda: understand(text))
        await HANDLERS[message.type](self, message)

    async def on_run(self, message: Start) -> None:
        await self.let_go(cancel=True)
        if message.instead:
            service().replace(message.instead)
        try:
            run = service().open(message.request, message.key, self.client)
        except UploadGone as gone:
            raise BadRequest(str(gone), "upload") from None
        except Closing:
            raise BadRequest("The server is being restarted. Press Run again in a moment.", "busy") from None
        except OSError as error:
            log.exception("a run could not be stored")
            raise BadRequest(refusal(error, "run"), "disk") from None
        await self.follow(run)

    async def on_resume(self, message: asked.Resume) -> None:
        run = await service().fetch(message.run)
        if run is None:
            raise BadRequest("This run is no longer stored on the server; press Run again.", "unknown_run")
        await self.let_go()
        await self.follow(run, known=message.whole and run.state == FINISHED)

    async def on_cancel(self, message: asked.Cancel) -> None:
        if self.run is None:
            return
        finished = self.run.state == FINISHED
        await self.let_go(cancel=True)
        if not finished:
            await self.say(type="done", ms=0, cancelled=True)

    async def on_window(self, message: reads.Window) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet.", "unknown_run")
        for text in await window_of(run, message, self.client.name):
            await self.say_text(text)

    async def on_question(self, message: Question) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet.", "unknown_run")
        question = msgspec.to_builtins(message)
        kind = question.pop("type")
        try:
            texts = await service().reads.ask(run, kind, question, self.client.name)
        except (Unreadable, Busy) as error:
            why = str(error) if isinstance(error, Unreadable) else "The server is busy; try again in a moment."
            await self.say(type="error", code="window", message=why, asked=kind)
            return
        for text in texts:
            await self.say_text(text)

    async def on_seek(self, message: reads.Seek) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet.", "unknown_run")
        stops = msgspec.to_builtins(message.stops)
        where = (message.stage, message.run, message.from_, message.direction)
        try:
            found = await service().reads.seek(run, *where, stops, self.client.name)
        except Unreadable as error:
            await self.say(type="error", code="window", message=str(error), asked=message.type)
        except Busy:
            why = "The server is busy; try again in a moment."
            await self.say(type="error", code="window", message=why, asked=message.type)
        else:
            await self.say(**found, id=message.id)

    async def on_part(self, message: reads.PartRequest) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet.", "unknown_run")
        for text in await part_of(run, message, self.client.name):
            await self.say_text(text)

    async def on_log(self, message: reads.LogRequest) -> None:
        run = self.run
        if run is None:
            raise BadRequest("There is no run yet to show the log of.", "unknown_run")
        await self.begin_reading(message.type, self.send_log(run))

    async def on_analysis(self, message: Analysis) -> None:
        await self.begin_reading(message.type, self.send_analysis(message))

    async def on_stop(self, message: asked.Stop) -> None:
        task = self.reading.get(message.asked)
        if task is None or task.done() or message.asked not in asked.ANALYSES:
            return
        await self.stop_reading(message.asked)
        await self.say(type="error", code="analysis", message="This was stopped.", asked=message.asked)

    async def begin_reading(self, kind: str, work: Coroutine[Any, Any, None]) -> None:
        """Do what takes as long as a run; the socket takes other messages meanwhile. One of each kind at a time."""
        await self.stop_reading(kind)
        self.reading[kind] = asyncio.get_running_loop().create_task(self.read(work))

    async def read(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Gone:
            pass
        except TimeoutError:
            await self.shut(SLOW)

    async def send_log(self, run: Run) -> None:
        try:
            for text in await service().reads.log(run, self.client.name):
                await self.say_text(text)
        except Unreadable as error:
            await self.say(type="error", code="window", message=str(error))
        except Busy:
            await self.say(type="error", code="window", message="The server is busy; try again in a moment.")

    async def send_analysis(self, message: Analysis) -> None:
        try:
            async with contextlib.aclosing(
                service().analysis(message.type, message.request, self.client, message.more)
            ) as texts:
                async for text in texts:
                    await self.say_text(text)
            return
        except Unreadable as error:
            why = str(error)
        except Busy as error:
            why = error.sentence
        except Closing:
            why = "The server is being restarted; try again in a moment."
        except BadRequest as error:
            why = error.message
        except UploadGone as gone:
            await self.say(type="error", code="upload", message=str(gone), asked=message.type)
            return
        except OSError as error:
            log.exception("an answer could not be stored")
            why = refusal(error, "answer")
        await self.say(type="error", code="analysis", message=why, asked=message.type)

    async def stop_reading(self, kind: str | None = None) -> None:
        """Stop what is read for a message of this type; all of it without one."""
        stopped = [self.reading.pop(each, None) for each in (list(self.reading) if kind is None else [kind])]
        for task in filter(None, stopped):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def follow(self, run: Run, *, known: bool = False) -> None:
        """Send a run to the client, from its first message on; known: the client has all of them."""
        self.run = run
        here = service()
        here.watch(run)
        self.pump = asyncio.get_running_loop().create_task(self.copy(run, known))
        here.readers.add(self.pump)
        self.pump.add_done_callback(here.readers.discard)

    async def let_go(self, *, cancel: bool = False) -> None:
        run, pump, self.run, self.pump = self.run, self.pump, None, None
        await self.stop_reading()
        if pump is not None:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await pump
        if run is not None:
            service().leave(run, at_once=cancel)

    async def copy(self, run: Run, known: bool) -> None:
        """Send the run's messages in order; of steps only the first chunk of a stage, and their number."""
        try:
            await self.say(type="accepted", run=run.id)
            if not known:
                await self._copy(run)
        except Gone:
            pass
        except TimeoutError:
            await self.shut(SLOW)
        except FrameError as error:
            service().damaged(run, str(error))
            await self._unreadable("What the server stored of this run is damaged. Press Run again.")
        except OSError as error:
            log.error("a run could not be read: %s", error)
            await self._unreadable("The server could not read this run; press Run again in a moment.")

    async def _unreadable(self, message: str) -> None:
        with contextlib.suppress(Gone, TimeoutError):
            await self.say(type="error", code="internal", message=message)
            await self.say(type="done", ms=0, cancelled=False)

    async def _copy(self, run: Run) -> None:
        place, position, said_at = 0, 0, 0.0
        totals: dict[tuple[str, int], int] = {}
        while True:
            change = run.change()
            finished = run.state == FINISHED
            if run.state == QUEUED and run.position != position:
                position = run.position
                await self.say(type="queued", position=position, expected=round(run.expected))
            while place < len(run.record.entries):
                entry = run.record.entries[place]
                place += 1
                if not entry.unasked:
                    if entry.is_steps:  # what is kept for workers alone has no stage
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
                async with asyncio.timeout(PROGRESS_SECONDS if totals else None):
                    await change.wait()

    async def _progress(self, totals: dict[tuple[str, int], int]) -> None:
        while totals:
            (stage, run), total = totals.popitem()
            await self.say(type="progress", stage=stage, run=run, total=total)

    async def shut(self, code: int) -> None:
        """Close the socket; its `websocket.disconnect` follows."""
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: it is closed already
            async with asyncio.timeout(1):
                await self.close(code)

    async def say(self, **message: Any) -> None:
        await self.say_text(_text(message))

    async def say_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            raise
        except (OSError, RuntimeError):  # RuntimeError: this side has closed it
            raise Gone from None


async def window_of(run: Run, message: reads.Window, network: str) -> list[str]:
    """The messages that answer a `window` message about this run. BadRequest."""
    stage, number, first, to = message.stage, message.run, message.from_, message.to
    if to <= first:
        raise BadRequest("A window must end at a later step than it starts.")
    if to - first > WINDOW:
        raise BadRequest(f"A window has at most {WINDOW} steps.")
    try:
        chunks = await service().reads.steps(run, stage, number, first, to, network)
    except Unreadable as error:
        raise BadRequest(str(error), "window") from None
    except Busy:
        raise BadRequest("The server is busy; try again in a moment.", "window") from None
    if chunks:
        return chunks
    total = run.record.total(stage, number)
    empty: dict[str, Any] = {"type": "steps", "stage": stage, "run": number, "from": first, "total": total}
    return [_text({**empty, "keyframe": None, "steps": []})]


async def part_of(run: Run, message: reads.PartRequest, network: str) -> list[str]:
    """The messages that answer a `part` message about this run. BadRequest."""
    name, first, to = message.list_, message.from_, message.to
    if to <= first:
        raise BadRequest("A part must end at a later item than it starts.")
    if to - first > WINDOW:
        raise BadRequest(f"A part has at most {WINDOW} items.")
    try:
        parts = await service().reads.part(run, name, first, to, network)
    except Unreadable as error:
        raise BadRequest(str(error), "window") from None
    except Busy:
        raise BadRequest("The server is busy; try again in a moment.", "window") from None
    last: dict[str, Any] = json.loads(parts[-1]) if parts else {"from": 0, "items": []}
    here = last["from"] + len(last["items"])
    if here < to:
        parts.append(_text({"type": "part", "list": name, "from": max(first, here), "items": []}))
    return parts


def _text(message: dict[str, Any]) -> str:
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def closed_on_purpose(message: dict[str, Any]) -> bool:
    """Whether a client said that it closes, by a websocket.disconnect message.

    uvicorn says NO_CODE both for a close frame without a code, which is what `socket.close()` in a page sends, and
    for a connection that was lost; only the former has a reason, if an empty one.
    """
    return message["code"] in (NORMAL, GOING_AWAY) or (message["code"] == NO_CODE and "reason" in message)


class Start(NamedTuple):
    """A `run` message whose request was checked; `key` is what its answer is stored under."""

    request: dict[str, Any]
    key: str
    instead: str
    type: str = "run"


class Analysis(NamedTuple):
    """A message that asks something about a program; its request, and what it says beside it, were checked."""

    type: str
    request: dict[str, Any]
    more: dict[str, Any]


Plain = (
    reads.Window | reads.PartRequest | reads.Seek | reads.LogRequest | reads.ValueRequest | reads.FactsRequest
    | reads.StatesRequest | reads.RoundsRequest | asked.Stop | asked.Resume | asked.Cancel
)  # fmt: skip
Message = Start | Analysis | Plain
Question = reads.ValueRequest | reads.FactsRequest | reads.StatesRequest | reads.RoundsRequest


def understand(text: str) -> Message:
    """A client's message. BadRequest for one that is not in the schema, or whose request is refused."""
    message = read_message(parse(text, "A message"))
    if isinstance(message, programs.Run):
        request = check_request(message.request)
        return Start(request, key_of(request), message.instead)
    if isinstance(message, questions.Analysis):
        return Analysis(message.type, check_request(message.request), check_question(message))
    assert isinstance(message, Plain)
    return message


Handler = Callable[[RunConsumer, Any], Awaitable[None]]
HANDLERS: dict[str, Handler] = {
    "run": RunConsumer.on_run,
    "window": RunConsumer.on_window,
    "part": RunConsumer.on_part,
    "seek": RunConsumer.on_seek,
    "log": RunConsumer.on_log,
    "value": RunConsumer.on_question,
    "facts": RunConsumer.on_question,
    "states": RunConsumer.on_question,
    "rounds": RunConsumer.on_question,
    **dict.fromkeys(asked.ANALYSES, RunConsumer.on_analysis),
    "stop": RunConsumer.on_stop,
    "resume": RunConsumer.on_resume,
    "cancel": RunConsumer.on_cancel,
}
