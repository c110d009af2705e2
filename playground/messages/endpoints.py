"""The REST interface as a table: what each address takes and answers. The OpenAPI document is made from it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple, cast

import msgspec
from msgspec import NODEFAULT, UNSET, field

from playground.messages.asked import ANALYSES, TYPES
from playground.messages.base import NAME_LENGTH, Unset, Wire, about
from playground.messages.programs import Request
from playground.messages.reads import ListName
from playground.messages.view import View

_FROM: Final = about("the first one, from 0", ge=0)
_TO: Final = about("one past the last; at most 1024 after `from`", ge=1)
HELD: Final = 16
"""Answers of each question with something beside the program that a file holds."""
HeldQuestions = Annotated[list[dict[str, Any]], about("the questions", max_length=HELD)]
RUN_ID: Final = "[0-9a-z]{32}-[0-9a-z]{1,32}"


class Shared(Request, frozen=True, kw_only=True):
    """What is shared."""

    title: Annotated[str, about("a title", max_length=NAME_LENGTH)] | Unset = UNSET
    view: Annotated[View | None, about("what the page shows of it")] | Unset = UNSET


class SessionRequest(Wire, frozen=True, kw_only=True):
    """What is put into one file."""

    request: Annotated[Request, about("what is run", title="A request")]
    title: Annotated[str, about("a title", title="A title", max_length=NAME_LENGTH)] = ""
    view: (
        Annotated[View | None, about("what the page shows of it", sentence="The view has to be an object, or nothing.")]
        | Unset
    ) = UNSET
    asked: (
        Annotated[
            dict[Literal["settings", "compare", "record"], HeldQuestions],
            about(
                "what the page asked beside the program, by question, the last one last: the fields of the question "
                "but `type` and `request`. The file holds these answers",
                sentence="What was asked has to be an object with settings, compare and record, each a list of at most "
                f"{HELD} objects.",
            ),
        ]
        | Unset
    ) = UNSET
    asked_more: (
        Annotated[
            dict[Literal["settings", "compare", "record"], Annotated[int, about("how many", ge=0)]],
            about(
                "how many earlier ones there were, which the file names as left out",
                sentence="How much more was asked has to be an object with settings, compare and record, all numbers.",
            ),
        ]
        | Unset
    ) = UNSET


def own_fields(name: str) -> tuple[str, ...]:
    """What a question about a program says beside its type and request: ("other",) of `compare`."""
    return tuple(each.name for each in msgspec.structs.fields(TYPES[name]) if each.name not in ("type", "request"))


def _default(of: msgspec.structs.FieldInfo) -> Any:
    """What msgspec.defstruct() takes as a field's default, so that it may be left out here too."""
    if of.default_factory is not NODEFAULT:
        return field(default_factory=of.default_factory)
    return field() if of.default is NODEFAULT else field(default=of.default)


def _question(name: str) -> type[Request]:
    """The body that asks a question: a request, with the fields of the question beside its own."""
    own = own_fields(name)
    if not own:
        return Request
    fields = [
        (each.name, each.type, _default(each)) for each in msgspec.structs.fields(TYPES[name]) if each.name in own
    ]
    namespace = {"__doc__": f"What `{name}` takes."}
    made = msgspec.defstruct(
        f"{name.capitalize()}Question", fields, bases=(Request,), frozen=True, kw_only=True, namespace=namespace
    )
    return cast(type[Request], made)


class Wait(Wire, frozen=True):
    """How long an answer is waited for."""

    wait: Annotated[
        Literal["done", "no"], about("`no`: answer with the run's id as soon as it is accepted", title="wait")
    ] = "done"


class StepsOf(Wire, frozen=True, kw_only=True):
    """Which steps."""

    stage: Annotated[Literal["verify", "run"], about("whose steps", title="stage")] = "verify"
    run: Annotated[int, about("number of the run, for stage `run`", title="run", ge=0)] = 0
    from_: Annotated[int, _FROM] = field(name="from", default=0)
    to: Annotated[int, _TO] = 128


class ItemsOf(Wire, frozen=True, kw_only=True):
    """Which items of a list."""

    from_: Annotated[int, _FROM] = field(name="from", default=0)
    to: Annotated[int, _TO] = 1024


class Messages(Wire, frozen=True):
    """Messages of the run socket, in order (docs/protocol.md)."""

    messages: list[Any]


class Sizes(Wire, frozen=True):
    """How large the files are that are made of a run."""

    trace: Annotated[int, about("bytes of `trace.jsonl`")]
    exact: Annotated[bool, about("whether they were counted; otherwise some of the steps were, and `trace` is near it")]


class RunMessages(Wire, frozen=True):
    """A run and its messages, from the first stage to `done`."""

    run: Annotated[str, about("its id")]
    messages: list[Any]


class Started(Wire, frozen=True):
    """A run that goes on. It is stopped if nobody asks for it within 20 s."""

    run: Annotated[str, about("its id")]


class SharedLink(Wire, frozen=True):
    """A link."""

    id: str
    url: str
    created: Annotated[str, about("ISO time")]


class Problem(Wire, frozen=True):
    """Why a request was refused."""

    error: Annotated[str, about("a sentence")]


class Endpoint(NamedTuple):
    """An address. `{run}` and `{list}` in the path are an id and a name.

    name   -- by which its handler is found (playground/rest.py)
    query  -- structure of its query
    body   -- structure of its JSON body, None without one; str for text
    answer -- structure of the JSON answer, or the type of another body
    status -- of an answer
    lines  -- whether it can be streamed, a message a line, with `Accept: application/x-ndjson`
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    query: type[Wire] | None = None
    body: type[Wire] | type[str] | None = None
    answer: type[Wire] | str = Messages
    status: int = 200
    lines: bool = False


ENDPOINTS: Final = (
    Endpoint("run", "POST", "/api/runs", "Run a program, and wait for its end.", Wait, Request, RunMessages,
             lines=True),
    Endpoint("again", "GET", "/api/runs/{run}", "The messages of a run; waits for its end.", None, None, RunMessages,
             lines=True),
    Endpoint("steps", "GET", "/api/runs/{run}/steps", "Steps of a run, in whole chunks.", StepsOf),
    Endpoint("part", "GET", "/api/runs/{run}/parts/{list}",
             "Items of a list of which a stage's message holds only the beginning.", ItemsOf),
    Endpoint("log", "GET", "/api/runs/{run}/log.txt", "The verifier's whole log.", answer="text/plain"),
    Endpoint("trace", "GET", "/api/runs/{run}/trace.jsonl", "All messages of a run with all its steps, one a line.",
             answer="application/x-ndjson"),
    Endpoint("size", "GET", "/api/runs/{run}/size", "How large `trace.jsonl` is.", answer=Sizes),
    *(
        Endpoint("analysis", "POST", f"/api/{name}", (TYPES[name].__doc__ or "").split("\n\n")[0].strip(), None,
                 _question(name), Messages, lines=True)
        for name in ANALYSES
    ),
    Endpoint("session", "POST", "/api/session", "A run as one HTML file that can be stepped through without a server.",
             None, SessionRequest, "text/html"),
    Endpoint("share", "POST", "/api/share", "Store a program under a link; 200 if it was stored before.", None, Shared,
             SharedLink, 201),
)  # fmt: skip
LISTS: Final = ListName
