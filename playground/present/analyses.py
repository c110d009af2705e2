"""Questions about a program that take more work than its run. Called in a worker only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from playground.jobs.frames import CONTENTS
from playground.present.request import Asked, read_request
from vm import pipeline

Message = dict[str, Any]


def contents_job(asked: Asked) -> Iterator[Message]:
    """The `contents` message."""
    yield {"type": "contents", **asdict(pipeline.contents(asked.source, asked.build))}


ANALYSES: Final[dict[str, Callable[[Asked], Iterator[Message]]]] = {
    CONTENTS: contents_job,
}
"""By the type of the message that asks."""


def analysis_job(request: Message) -> Iterator[Message]:
    """The messages that answer one question. request: its kind, and the program as a request of a run."""
    yield from ANALYSES[request["kind"]](read_request(request["request"]))
