"""Questions about a program that take more work than its run. Called in a worker only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from playground.jobs.frames import CONTENTS, REWRITTEN
from playground.present.request import Asked, read_request
from vm import pipeline
from vm.errors import InputError

Message = dict[str, Any]


def contents_job(asked: Asked) -> Iterator[Message]:
    """The `contents` message."""
    yield {"type": "contents", **asdict(pipeline.contents(asked.source, asked.build))}


def rewritten_job(asked: Asked) -> Iterator[Message]:
    """The `rewritten` message."""
    compiled = None
    if asked.source.kind == "c":
        compiled = pipeline.compile_source(asked.source, asked.build).object
        if compiled is None:
            raise InputError("The source does not compile, so there is no program.")
    obj = pipeline.load(asked.source, asked.build, compiled)
    verdict = pipeline.check(obj, pipeline.choose(obj, asked.program), caps=asked.caps, log_level=0)
    rows = pipeline.rewritten_listing(pipeline.rewrite(verdict.env)) if verdict.accepted and verdict.env else ()
    yield {"type": "rewritten", "insns": [row._asdict() for row in rows]}


ANALYSES: Final[dict[str, Callable[[Asked], Iterator[Message]]]] = {
    CONTENTS: contents_job,
    REWRITTEN: rewritten_job,
}
"""By the type of the message that asks."""


def analysis_job(request: Message) -> Iterator[Message]:
    """The messages that answer one question. request: its kind, and the program as a request of a run."""
    yield from ANALYSES[request["kind"]](read_request(request["request"]))
