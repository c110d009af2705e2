"""What clients send: every message by its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from playground.messages.base import Wire, about
from playground.messages.programs import Run
from playground.messages.questions import (
    AdviceRequest,
    Analysis,
    BinariesRequest,
    CompareRequest,
    ContentsRequest,
    CounterexampleRequest,
    FixesRequest,
    GraphRequest,
    MatrixRequest,
    ProfileRequest,
    RealRequest,
    RecordRequest,
    ReduceRequest,
    RewrittenRequest,
    SettingsRequest,
    SetupRequest,
)
from playground.messages.reads import (
    FactsRequest,
    LogRequest,
    PartRequest,
    RoundsRequest,
    Seek,
    StatesRequest,
    ValueRequest,
    Window,
)


class Stop(Wire, frozen=True, kw_only=True):
    """Stop a question about a program. Answered by an `error` with the code `analysis` if it was not answered yet."""

    type: Literal["stop"]
    asked: Annotated[
        str,
        about("the type of the message that asked", sentence="asked must be the type of a question.", max_length=32),
    ]


class Resume(Wire, frozen=True):
    """Go on after a lost connection, on a new socket; for a run that still goes on, within 20 s.

    All its messages are sent again, then it goes on.
    """

    type: Literal["resume"]
    run: Annotated[
        str,
        about(
            "the id that `accepted` gave",
            sentence="This run is no longer stored on the server; press Run again.",
            code="unknown_run",
        ),
    ]
    whole: Annotated[
        bool,
        about(
            "the client has all messages up to `done`: of a run that has ended only `accepted` is sent",
            sentence="whole must be true or false.",
        ),
    ] = False


class Cancel(Wire, frozen=True):
    """Stop the run. Answered by `done` with `cancelled: true`."""

    type: Literal["cancel"]


TYPES: Final[Mapping[str, type[Wire]]] = {
    "run": Run,
    "window": Window,
    "part": PartRequest,
    "log": LogRequest,
    "value": ValueRequest,
    "facts": FactsRequest,
    "seek": Seek,
    "states": StatesRequest,
    "rounds": RoundsRequest,
    "contents": ContentsRequest,
    "rewritten": RewrittenRequest,
    "fixes": FixesRequest,
    "counterexample": CounterexampleRequest,
    "matrix": MatrixRequest,
    "real": RealRequest,
    "setup": SetupRequest,
    "record": RecordRequest,
    "binaries": BinariesRequest,
    "profile": ProfileRequest,
    "advice": AdviceRequest,
    "settings": SettingsRequest,
    "compare": CompareRequest,
    "graph": GraphRequest,
    "reduce": ReduceRequest,
    "stop": Stop,
    "resume": Resume,
    "cancel": Cancel,
}
ANALYSES: Final = tuple(name for name, kind in TYPES.items() if issubclass(kind, Analysis))
"""The types that ask something about a program."""
LAST: Final[Mapping[str, str]] = {
    "contents": "contents", "rewritten": "rewritten", "fixes": "fixes_done", "counterexample": "counterexample",
    "matrix": "cells_done", "real": "real_done", "setup": "setup", "record": "recording", "binaries": "binaries",
    "profile": "profile", "advice": "advice_done", "settings": "settings_done", "compare": "compare", "graph": "graph",
    "reduce": "reduced",
}  # fmt: skip
"""The type of the message that ends the answer, by the type that asks."""
OF_INPUT: Final = frozenset(name for name, kind in TYPES.items() if issubclass(kind, Analysis) and kind.of_input)
"""Those whose answer depends on the input of the request."""
