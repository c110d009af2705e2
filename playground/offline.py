"""A run as one HTML file: the page with its scripts inside, and all that the server would say of the run.

What the file holds is packed in the order of its use until the file is as large as it may be; the rest is named in it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import hashlib
import json
import re
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from playground.glossary import glossary
from playground.jobs.frames import RECORD
from playground.jobs.queue import Busy, Client
from playground.jobs.reading import Unreadable
from playground.jobs.record import CHUNK, WINDOW
from playground.jobs.run import Run
from playground.jobs.service import Closing, service, toolchain, version
from playground.messages.asked import ANALYSES, TYPES
from playground.messages.check import checked
from playground.messages.questions import Analysis, KernelAnalysis
from playground.offline_reads import READS, Walk, walk_of
from playground.records import compact, list_texts, messages_of, read, stages_of, steps_from
from playground.requests import BadRequest, check_question
from playground.views.pages import config, kernel_release, program_value

FILE_BYTES: Final = 5_000_000
MARGIN: Final = 64 << 10
"""Bytes of the file for what is not counted: the page's markup, and what was left out."""
SECONDS: Final = 60
"""For the steps and answers together; what is not read by then is left out."""
ANSWER_SECONDS: Final = 5
"""For each answer to a question about the program."""
READ_SECONDS: Final = 20
"""For all answers about steps."""
LEFT: Final = {
    "value": "how some values were made",
    "facts": "what branches proved at some steps",
    "states": "some of the states that were compared",
    "rounds": "the rounds of some loops",
}
"""What is left out where not all questions about steps were answered."""


class Packer:
    """Lines of text, compressed, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._zip = zlib.compressobj(9, wbits=31)
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, texts: list[str]) -> bool:
        """Add all of these lines, or none where they do not fit."""
        before = self._zip.copy()
        data = self._zip.compress("".join(f"{text}\n" for text in texts).encode("utf-8", "replace"))
        data += self._zip.flush(zlib.Z_SYNC_FLUSH)
        if self._length + len(data) + 64 > self._most:
            self._zip = before
            return False
        self._parts.append(data)
        self._length += len(data)
        return True

    def end(self) -> str:
        """All of it as base64."""
        return base64.b64encode(b"".join(self._parts) + self._zip.flush()).decode()


class Inline(NamedTuple):
    """The page's own files, for a page without a server. policy: its Content-Security-Policy."""

    theme: SafeString
    style: SafeString
    script: SafeString
    reference: SafeString
    policy: str

    @property
    def bytes(self) -> int:
        return sum(len(part.encode()) for part in (self.theme, self.style, self.script, self.reference))


@functools.cache
def inline() -> Inline:
    """Files of static/dist, which are ours, so that none of it is escaped."""
    theme, script = (_file(name).replace("</script", "<\\/script").replace("<!--", "<\\!--") for name in SCRIPTS)
    style = re.sub("</(?=style)", r"<\\/", _file("app.css"), flags=re.IGNORECASE)
    reference = json.dumps(json.loads(_file("reference.json")), separators=(",", ":")).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {_hash(theme)} {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Inline(mark_safe(theme), mark_safe(style), mark_safe(script), mark_safe(reference), policy)


SCRIPTS: Final = ("theme.js", "session.js")


def _file(name: str) -> str:
    return Path(settings.DATA_DIR, "static", "dist", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


async def session_file(run: Run, content: Mapping[str, Any], client: Client) -> str:
    """The HTML of a finished run. content: its checked request, title and view. Unreadable, BadRequest."""
    own = inline()
    room = FILE_BYTES - own.bytes - len(compact(content).encode()) * 2 - MARGIN
    packer = Packer(room * 3 // 4)
    left, answered = await _pack(packer, run, content, client)
    return await asyncio.to_thread(_page, content, packer.end(), left, answered, own)


async def _pack(packer: Packer, run: Run, content: Mapping[str, Any], client: Client) -> tuple[list[str], list[str]]:
    """Fill the file; what was left out, in words, and the questions that the file answers."""
    end = time.monotonic() + SECONDS
    left = []
    said = await read(messages_of, run)
    if not packer.add([compact({"type": "accepted", "run": run.id}), *map(compact, said)]):
        raise BadRequest("This run is too long for one file.", "size")
    view = content.get("view") or {}
    windows, rest = _windows(run, said, view)
    had = dict.fromkeys(stages_of(said), 0)
    packed: list[str] = []
    whole = await _steps(packer, run, windows, had, end, client, packed)
    texts: list[str] = []
    for name in dict.fromkeys(name for message in said for name in message.get("more") or ()):
        if (part := await _list(packer, run, name, client)) is None:
            left.append(f"the list “{name}” but for its beginning")
        else:
            texts += part if name in NEEDED else []
    answered = []
    asked, more_asked = questions(content), content.get("asked_more", {})
    for kind in dict.fromkeys((*asked, *more_asked)):
        each, missing = asked.get(kind, []), more_asked.get(kind, 0)
        count = len(each) + missing
        for more, about in reversed(each):  # the last one is the one that was looked at
            answers = await _answer(packer, kind, content["request"], more, about, end, client)
            missing += answers is None
            if kind == "graph":
                texts += answers or ()
        if missing:
            left.append(f"the answer to “{kind}”" if count == 1 else f"{missing} of {count} answers to “{kind}”")
        if missing < count:
            answered.append(kind)
    walk = walk_of(view, run.record.total("verify", 0), said, [*texts, *packed])
    left += [LEFT[kind] for kind in await _reads(packer, run, walk, end, client)]
    if whole:
        await _steps(packer, run, rest, had, end, client)
    for (stage, number), count in had.items():
        total = run.record.total(stage, number)
        if count < total:
            whose = "the verifier" if stage == "verify" else f"run {number + 1}"
            left.append(f"{total - count:,} of {total:,} steps of {whose}")
    if any(without_end(message) for message in said):
        left.append("the end of the log")
    return left, answered


def without_end(message: Mapping[str, Any]) -> bool:
    """Whether a stage has only the beginning of its log, and the rest is not a list of parts, which is packed."""
    return message["type"] == "stage" and bool(message.get("log_more")) and "log" not in (message.get("more") or ())


NEEDED: Final = ("prunings", "arrivals", "paths")
"""Lists that say what is asked about steps."""


async def _list(packer: Packer, run: Run, name: str, client: Client) -> list[str] | None:
    """Add a list of which its stage's message holds only the beginning; its texts, None if it was not added."""
    try:
        texts = await list_texts(run, name, client.name)
    except Busy:
        return None
    return texts if packer.add(texts) else None


def questions(content: Mapping[str, Any]) -> dict[str, list[Question]]:
    """What is asked about the program for a file.

    Those that need more than the program (another one, other values) only as they were asked on the page; so too those
    that real kernels answer, of which only stored answers are taken. BadRequest.
    """
    shown = {kind: [told] for kind, told in ((content.get("view") or {}).get("kernels") or {}).items()}
    told = {**shown, **content.get("asked", {})}
    found: dict[str, list[Question]] = {}
    for kind in ANALYSES:
        of_kernels = issubclass(TYPES[kind], KernelAnalysis)
        own = {"take": "stored"} if of_kernels else {}
        for about in told.get(kind, [] if of_kernels or needs_more(kind) else [{}]):
            asked = {"type": kind, "request": content["request"], **about, **own}
            question = checked(asked, TYPES[kind], f"The question {kind}")
            assert isinstance(question, Analysis)
            more = check_question(question)
            plain = {name: value for name, value in more.items() if name != "take"}
            found.setdefault(kind, []).append(Question(more, about if kind in content.get("asked", {}) else plain))
    return found


class Question(NamedTuple):
    """A question about the program.

    more -- what it says beside the request; about -- the same as the page spells it, by which the answer is found
    """

    more: dict[str, Any]
    about: dict[str, Any]


def needs_more(kind: str) -> bool:
    """Whether a question has something beside the program without which it cannot be asked."""
    return any(field.required for field in msgspec.structs.fields(TYPES[kind]) if field.name not in ("type", "request"))


async def _answer(
    packer: Packer, kind: str, request: dict[str, Any], more: dict[str, Any], about: dict[str, Any], end: float,
    client: Client,
) -> list[str] | None:  # fmt: skip
    """Add the answer to a question, if it is known or soon found; its messages, none where there is no such answer.

    more -- what is asked beside the program; about -- the same as the page spells it, which its answer is found by
    None if it was not added.
    """
    seconds = min(ANSWER_SECONDS, end - time.monotonic())
    if seconds <= 0 and not service().stored(service().question(kind, request, more)):
        return None
    of_kernels = "take" in more
    beside = f",{compact(about)}" if about else ""
    try:
        async with asyncio.timeout(max(seconds, 1)):
            async with contextlib.aclosing(service().analysis(kind, request, client, more)) as texts:
                answers = [text async for text in texts]
    except Unreadable:
        return None if of_kernels else []  # as of a log, whose program is not known
    except (TimeoutError, Busy, Closing, OSError):
        return None
    if kind == RECORD:
        answers = [without_recording(text, request) for text in answers]
    return answers if packer.add([f"[{json.dumps(kind)},{text}{beside}]" for text in answers]) else None


def without_recording(text: str, request: Mapping[str, Any]) -> str:
    """A message without the recording that the request already holds as its input."""
    said = json.loads(text)
    taken = (request.get("input") or {}).get("base64")
    return compact({**said, "base64": ""}) if taken and said.get("base64") == taken else text


async def _reads(packer: Packer, run: Run, walk: Walk, end: float, client: Client) -> list[str]:
    """Add answers about steps; the kinds of which some are missing."""
    end = min(end, time.monotonic() + READ_SECONDS)
    missing = []
    for kind, ask in READS.items() if walk.steps else ():
        asking, told = ask(walk), None
        try:
            while True:
                question = asking.send(told)
                texts = await _read(run, kind, question, client) if time.monotonic() < end else None
                told = json.loads(texts[0]) if texts else None
                if not texts or told is None or (told["type"] == kind and not packer.add(texts)):
                    missing.append(kind)
                    break
                told = told if told["type"] == kind else None
        except StopIteration:
            pass
    return missing


async def _read(run: Run, kind: str, question: dict[str, Any], client: Client) -> list[str] | None:
    try:
        return await service().reads.ask(run, kind, question, client.name)
    except (Unreadable, Busy):
        return None


Windows = list[tuple[str, int, int]]
"""Stage, number of the run, first step."""


def _windows(run: Run, said: list[dict[str, Any]], view: Mapping[str, Any]) -> tuple[Windows, Windows]:
    """The windows with the selected step and the outer ones of each stage; and the others, of all stages in turn."""
    selected = (view.get("stage", "verify"), view.get("packet", 0) if view.get("stage") == "run" else 0)
    first, others = [], []
    for stage, number in stages_of(said):
        total = run.record.total(stage, number)
        for begin in range(0, total, WINDOW):
            here = (stage, number) == selected and begin <= view.get("step", 0) < begin + WINDOW
            if here or begin == 0 or begin + WINDOW >= total:
                first.append((not here, stage, number, begin))
            else:
                others.append((begin, stage, number))
    return [each[1:] for each in sorted(first)], [(stage, number, begin) for begin, stage, number in sorted(others)]


async def _steps(
    packer: Packer, run: Run, windows: Windows, had: dict[tuple[str, int], int], end: float, client: Client,
    packed: list[str] | None = None,
) -> bool:  # fmt: skip
    """Add the steps of these windows, also to `packed`, and count them by stage; False if not all were added."""
    for stage, number, first in windows:
        texts = await steps_from(run, stage, number, first, client.name) if time.monotonic() <= end else []
        if time.monotonic() > end or not packer.add(texts):
            return False
        if packed is not None:
            packed += texts
        had[stage, number] += min(WINDOW, run.record.total(stage, number) - first)
    return True


def _page(content: Mapping[str, Any], packed: str, left: list[str], answered: list[str], own: Inline) -> str:
    program = program_value(content["request"], title=content.get("title", ""), view=content.get("view"))
    about = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "compiler": toolchain(),
        "version": version(),
        "left": left,
    }
    told = {
        **config(), "analyses": answered, "asked": content.get("asked", {}), "file": True, "kernels_missing": "",
    }  # fmt: skip
    told.pop("poll")
    context = {
        "program": program, "record": None, "config": told, "examples": [], "kernel_release": kernel_release(),
        "glossary": glossary(), "inline": own, "session": packed, "about": about,
    }  # fmt: skip
    return render_to_string("page.html", context)


assert WINDOW % CHUNK == 0  # whole chunks: none is in two windows
