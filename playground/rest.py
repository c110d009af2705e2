"""/api: the run socket for programs that speak HTTP only (docs/rest.md), with its requests, limits and messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import msgspec
from django.conf import settings
from msgspec import UNSET

from playground import bodies, offline
from playground.clients import scope_client
from playground.config.limits import INLINE_BYTES
from playground.consumers.run import part_of, window_of
from playground.conversation import LOST, NORMAL, Conversation
from playground.http import (
    Left,
    Receive,
    Refused,
    Send,
    Stream,
    admit,
    answer,
    body_of,
    headers_of,
    query_of,
    say,
    while_there,
)
from playground.jobs.queue import Busy, Client
from playground.jobs.reading import Unreadable
from playground.jobs.run import FINISHED, Run
from playground.jobs.service import Closing, Gone, service
from playground.jobs.storage import refusal
from playground.jobs.uploads import Full
from playground.messages import asked, questions, reads
from playground.messages.base import Wire
from playground.messages.check import checked
from playground.messages.endpoints import (
    ENDPOINTS,
    RUN_ID,
    Endpoint,
    ItemsOf,
    SessionRequest,
    StepsOf,
    Wait,
    own_fields,
)
from playground.places import folded, uploads_of
from playground.records import everything, log_text, read, trace_size
from playground.requests import BadRequest, check_question, check_request, check_title, parse
from playground.routing import limited

log = logging.getLogger("playground.rest")
T = TypeVar("T", bound=Wire)
V = TypeVar("V")
NDJSON: Final = "application/x-ndjson"
WHOLE_BYTES: Final = 32 << 20
"""An answer that is not streamed holds at most so many."""
STATUS: Final[Mapping[str, int]] = {"size": 413, "busy": 503, "disk": 507, "unknown_run": 404, "upload": 410}
"""Of a response, by the code of the `error` message."""
MARGIN: Final = 1024
"""Bytes of a message beside its request."""
DJANGOS: Final = ("share",)
"""Endpoints that are views (playground/views)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. values: what stands in the place of `{…}` in the endpoint's path."""

    endpoint: Endpoint
    values: Mapping[str, str]
    scope: Mapping[str, Any]
    receive: Receive
    send: Send

    @property
    def client(self) -> Client:
        return scope_client(self.scope)

    @property
    def network(self) -> str:
        return self.client.name

    def query(self, kind: type[T]) -> T:
        """The query as this structure. BadRequest."""
        given = {name: int(text) if text.isdecimal() else text for name, text in query_of(self.scope).items()}
        return checked(given, kind, "The query")

    async def answer(self, texts: AsyncIterator[str], run: str = "") -> None:
        """JSON texts as they come, a line each, if the client asks for that; else all of them in one object."""
        if NDJSON in headers_of(self.scope).get("accept", "") or self.endpoint.answer == NDJSON:
            stream = Stream(self.send)
            try:
                async for text in texts:
                    if not stream.begun:  # what is refused has no first message
                        await stream.begin(NDJSON)
                    await stream.write(f"{text}\n")
            except Exception as error:
                if not stream.begun or isinstance(error, Left):
                    raise
                _, sentence, _ = _told(error)
                last = {"type": "error", "code": "analysis", "message": sentence}
                await stream.write(f"{json.dumps(last, ensure_ascii=False)}\n")
            await (stream.end() if stream.begun else answer(self.send, 200, "", NDJSON))
            return
        parts: list[str] = []
        length = 0
        async for text in texts:
            parts.append(text)
            length += len(text)
            if length > WHOLE_BYTES:
                raise Refused(413, f"The answer is too long to be sent at once: ask for it with Accept: {NDJSON}.")
        head = f'"run":{json.dumps(run or _run_of(parts))},' if self.endpoint.name in ("run", "again") else ""
        await answer(self.send, 200, f'{{{head}"messages":[{",".join(parts)}]}}')


def _run_of(texts: list[str]) -> str:
    first = json.loads(texts[0]) if texts else {}
    return str(first.get("run", ""))


async def rest(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of PATH."""
    try:
        endpoint, values = _found(scope["path"], scope["method"])
        admit(scope, endpoint.method, f"This address takes {endpoint.method}.")
        await HANDLERS[endpoint.name](Call(endpoint, values, scope, receive, send))
    except Left:
        pass
    except Exception as error:
        status, sentence, retry_after = _told(error)
        await say(send, status, {"error": sentence}, retry_after)


def _told(error: Exception) -> tuple[int, str, int | None]:
    """What a client is told of an error: status, sentence, seconds after which to try again. Others are raised."""
    match error:
        case Refused():
            return error.status, str(error), error.retry_after
        case BadRequest():
            return STATUS.get(error.code, 400), error.message, None
        case Unreadable():
            return 422, str(error), None
        case Busy():
            return 503, error.sentence, error.seconds
        case Closing():
            return 503, "The server is being restarted; try again in a moment.", 10
        case Gone():
            return 410, str(error), None
        case Full():
            return 503, "The server holds other uploads; try again in a few minutes.", 60
        case OSError():
            log.error("a request could not be answered", exc_info=error)
            return 507, refusal(error, "answer"), None
    raise error


def _found(path: str, method: str) -> tuple[Endpoint, Mapping[str, str]]:
    matches = [(each, found.groupdict()) for each, pattern in PATTERNS if (found := pattern.fullmatch(path))]
    return next((match for match in matches if match[0].method == method), matches[0])


async def _understood(call: Call, check: Callable[[Any], V]) -> V:
    """What `check` makes of the body. A large one is read in a thread, one at a time, as a socket's messages are."""
    body = await bodies.body_of(call.scope, call.receive)

    def understand() -> V:
        return check(parse(body, "The request"))

    if len(body) <= INLINE_BYTES:
        return understand()
    return await service().parsing.understood(understand)


async def _stored(request: dict[str, Any], client: Client) -> dict[str, Any]:
    """The request as a message of the socket may have it: long texts as uploads. Full, OSError."""
    uploads = service().uploads

    def store() -> dict[str, Any]:
        small, replaced = folded(request, uploads.id_of)
        if len(json.dumps(small)) > settings.MESSAGE_BYTES - MARGIN:
            small, replaced = folded(request, uploads.id_of, MARGIN)
        for place in replaced.values():
            uploads.put(place.coding.decode(place.text), client)
        return small

    return await asyncio.to_thread(store)


async def _until_done(conversation: Conversation) -> AsyncIterator[str]:
    """The messages of a run. Refused if it was not accepted."""
    accepted = False
    async for text in conversation.messages():
        head = text[:40]
        if '"type":"hello"' in head:
            continue
        if not accepted and '"type":"error"' in head:
            error = json.loads(text)
            raise Refused(STATUS.get(error["code"], 400), error["message"], error.get("retry_after"))
        accepted = True
        yield text
        if text.startswith('{"type":"done"'):
            return
    if not accepted:
        raise Refused(429, "There are too many connections from your address.")


async def _converse(call: Call, message: dict[str, Any], *, wait: bool) -> None:
    conversation = Conversation(call.scope)
    code = NORMAL
    try:
        conversation.say(**message)
        told = _until_done(conversation)
        if wait:
            await while_there(call.receive, call.answer(told))
        else:
            run = _run_of([await anext(told)])
            code = LOST  # it goes on for a while, for whoever asks for it
            await say(call.send, 202, {"run": run})
    finally:
        await conversation.close(code)


async def _run(call: Call) -> None:
    wait = call.query(Wait).wait == "done"
    request = await _stored(await _understood(call, check_request), call.client)
    await _converse(call, {"type": "run", "v": 1, "request": request}, wait=wait)


async def _again(call: Call) -> None:
    await body_of(call.receive, 1024)
    await _converse(call, {"type": "resume", "run": call.values["run"]}, wait=True)


@contextlib.asynccontextmanager
async def _watched(call: Call) -> AsyncIterator[Run]:
    """The run that the address names, kept while it is read."""
    await body_of(call.receive, 1024)
    run = await service().fetch(call.values["run"])
    if run is None:
        raise Refused(404, "This run is no longer stored on the server; run the program again.")
    with limited.counted(call.client) as allowed:
        if not allowed:
            raise Refused(429, "There are too many connections from your address.")
        service().watch(run)
        try:
            yield run
        finally:
            service().leave(run)


async def _given(texts: Iterable[str]) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def _steps(call: Call) -> None:
    which = call.query(StepsOf)
    async with _watched(call) as run:
        window = reads.Window(type="window", stage=which.stage, run=which.run, from_=which.from_, to=which.to)
        await call.answer(_given(await window_of(run, window, call.network)))


async def _part(call: Call) -> None:
    which = call.query(ItemsOf)
    value = {"type": "part", "list": call.values["list"], "from": which.from_, "to": which.to}
    async with _watched(call) as run:
        await call.answer(_given(await part_of(run, checked(value, reads.PartRequest, "The part"), call.network)))


async def _log(call: Call) -> None:
    async with _watched(call) as run:
        texts = await service().reads.log(run, call.network)
        text = json.loads(texts[-1])["log"] if texts else await read(log_text, run)
    await answer(call.send, 200, text, "text/plain; charset=utf-8")


async def _trace(call: Call) -> None:
    async with _watched(call) as run:
        if run.state != FINISHED:
            raise Refused(409, "The run goes on: ask for its messages first.")
        await while_there(call.receive, call.answer(everything(run, call.network)))


async def _size(call: Call) -> None:
    async with _watched(call) as run:
        if run.state != FINISHED:
            raise Refused(409, "The run goes on: ask for its messages first.")
        size, exact = await trace_size(run, call.network)
        await answer(call.send, 200, json.dumps({"trace": size, "exact": exact}))


def _asked(kind: str, body: Any) -> questions.Analysis:
    """A question from its body: the fields of a request, and beside them those of the question itself. BadRequest."""
    given = dict(body) if isinstance(body, dict) else {}
    own = {name: given.pop(name) for name in own_fields(kind) if name in given}
    value = {"type": kind, "request": given if isinstance(body, dict) else body, **own}
    return cast(questions.Analysis, checked(value, asked.TYPES[kind], "The request"))


async def _analysis(call: Call) -> None:
    kind = call.endpoint.path.rpartition("/")[2]

    def understand(body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        question = _asked(kind, body)
        return check_request(question.request), check_question(question)

    request, more = await _understood(call, understand)
    with limited.counted(call.client) as allowed:
        if not allowed:
            raise Refused(429, "There are too many connections from your address.")
        async with contextlib.aclosing(service().analysis(kind, request, call.client, more)) as texts:
            await while_there(call.receive, call.answer(texts))


async def _session(call: Call) -> None:
    body = await bodies.body_of(call.scope, call.receive)
    content = await asyncio.to_thread(_content, body)
    held = (each for all_of in offline.questions(content).values() for each in all_of)
    asked = (uploads_of({"request": content["request"], **each.more}) for each in held)
    if any((uploads_of(content["request"]), *asked)):
        raise Refused(413, "What was uploaded is too long for one file.")

    async def make() -> None:
        conversation = Conversation(call.scope)
        try:
            conversation.say(type="run", v=1, request=await _stored(content["request"], call.client))
            run = service().find(_run_of([text async for text in _until_done(conversation)]))
            if run is None or run.state != FINISHED:
                raise Refused(409, "The run did not end; try again.")
            page = await offline.session_file(run, content, call.client)
        finally:
            await conversation.close()
        await answer(
            call.send, 200, page, "text/html; charset=utf-8",
            content_disposition="attachment; filename=bpfscope-session.html",
            content_security_policy="sandbox; default-src 'none'",
        )  # fmt: skip

    if len(_making) >= AT_ONCE:
        raise Refused(503, "The server makes other files; try again in a moment.")
    task = object()
    _making.add(task)
    try:
        await while_there(call.receive, make())
    finally:
        _making.discard(task)


def _content(body: bytes) -> dict[str, Any]:
    """What is put into one file, checked. BadRequest."""
    given = checked(parse(body, "The request"), SessionRequest, "The session")
    content: dict[str, Any] = {"request": check_request(given.request), "title": check_title(given.title)}
    if given.view is not UNSET and given.view is not None:
        content["view"] = msgspec.to_builtins(given.view)
    if given.asked is not UNSET:
        content["asked"] = given.asked
    if given.asked_more is not UNSET:
        content["asked_more"] = given.asked_more
    return content


AT_ONCE: Final = 2
"""Files that are made at the same time."""
_making: set[object] = set()

Handler = Callable[[Call], Awaitable[None]]
HANDLERS: Final[Mapping[str, Handler]] = {
    "run": _run,
    "again": _again,
    "steps": _steps,
    "part": _part,
    "log": _log,
    "trace": _trace,
    "size": _size,
    "analysis": _analysis,
    "session": _session,
}
"""By an endpoint's name."""


def _pattern(path: str) -> str:
    return re.escape(path).replace(r"\{run\}", f"(?P<run>{RUN_ID})").replace(r"\{list\}", "(?P<list>[a-z]{1,32})")


PATTERNS: Final = [(each, re.compile(_pattern(each.path))) for each in ENDPOINTS if each.name in HANDLERS]
PATH: Final = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern) for _, pattern in PATTERNS))
