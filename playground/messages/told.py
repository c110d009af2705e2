"""What the server sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from playground.messages.answers import Counterexample, FixesDone, FoundFix, ReducedSource, SmallerSource
from playground.messages.base import Unset, Wire, about
from playground.messages.built import Compiled, Loaded, Refused
from playground.messages.contents import Binaries, Contents, RewrittenProgram
from playground.messages.executed import Executed, Replayed
from playground.messages.kernels import (
    CellsDone,
    EmulatedCell,
    EventRecorded,
    FixTried,
    KernelCell,
    Kernels,
    RecordingMade,
)
from playground.messages.parts import (
    PARTS,
    ArrivalsPart,
    HoldingsPart,
    InsnsPart,
    ListingPart,
    LogPart,
    PathsPart,
    PrecisionPart,
    PruningsPart,
    TreePart,
)
from playground.messages.profiles import (
    AdviceDone,
    FoundAdvice,
    SettingsDone,
    TriedSetting,
    WalkProfile,
    WalksCompared,
)
from playground.messages.real import RealAttached, RealBegun, RealDone, RealMap, RealOutput, RealPacket, Setup
from playground.messages.shape import ComparedStates, Graph, LoopRounds
from playground.messages.stages import Skipped, Translated, Working, stage_type
from playground.messages.steps import RunSteps, VerifySteps
from playground.messages.value import ProvedFacts, Value
from playground.messages.verified import Verified


class Sandbox(Wire, frozen=True):
    """What confines the workers."""

    active: Annotated[list[str], about("layers")]
    missing: Annotated[list[tuple[str, str]], about("[layer, why it is missing]")]


class Limits(Wire, frozen=True):
    """What a request may hold, in bytes, and steps of a window and of a chunk."""

    source_bytes: int
    files_bytes: Annotated[int, about("of all files beside a source")]
    files: Annotated[int, about("files beside a source")]
    elf_bytes: Annotated[int, about("of an object file in a message or a link")]
    object_bytes: Annotated[int, about("of an object file that is uploaded")]
    log_bytes: Annotated[int, about("of a log that is pasted")]
    shared_log_bytes: Annotated[int, about("of a log that a link carries")]
    upload_bytes: Annotated[int, about("of a log that is uploaded")]
    pcap_bytes: Annotated[int, about("of a capture in a message or a link")]
    capture_bytes: Annotated[int, about("of a capture that is uploaded")]
    packet_bytes: int
    message_bytes: Annotated[int, about("of one message of a client; what does not fit is uploaded")]
    window: int
    chunk: int
    seek_ms: Annotated[int, about("milliseconds after which a search in states says how far it came")]


class Hello(Wire, frozen=True):
    """The first message on every socket."""

    type: Literal["hello"]
    v: Annotated[int, about("version of the protocol")]
    compiler: Annotated[str, about('`""` until the first worker is up')]
    kernel: Annotated[str, about('release of the emulated kernel; `""` until the first worker is up')]
    sandbox: Annotated[Sandbox | None, about("null until the first worker is up")]
    limits: Limits


class Accepted(Wire, frozen=True):
    """The run exists."""

    type: Literal["accepted"]
    run: Annotated[str, about("its id, for `resume`")]


class Queued(Wire, frozen=True):
    """The run waits for a worker. Sent again when the position changes."""

    type: Literal["queued"]
    position: Annotated[int, about("how many runs wait, up to and with this one")]
    expected: Annotated[int | Unset, about("seconds it will still wait, as far as can be told")] = UNSET


class Progress(Wire, frozen=True):
    """How many steps there are by now."""

    type: Literal["progress"]
    stage: Literal["verify", "run"]
    run: Annotated[int, about("number of the run; 0 for `verify`")]
    total: int


class Log(Wire, frozen=True):
    """The whole log of the verifier, maybe cut in the middle; as the fields of the same names in `verify`."""

    type: Literal["log"]
    log: str
    log_cut: Annotated[int, about("bytes left out")]
    log_steps: Annotated[list[tuple[int, int]], about("[line of the log from 0, step]")]


class StopProblem(Wire, frozen=True):
    """What is wrong with a condition."""

    stop: Annotated[int, about("number of the stop, from 0")]
    column: Annotated[int, about("where, from 1")]
    message: Annotated[str, about("a sentence")]


class Found(Wire, frozen=True):
    """What a search found."""

    type: Literal["found"]
    id: Annotated[int, about("as in `seek`")]
    step: Annotated[int | None, about("the nearest step; null: none as far as the search came")]
    stop: Annotated[int | None, about("number of the stop that holds there, from 0")]
    at: Annotated[int, about("the step up to which was searched: a search from there on continues this one")]
    more: Annotated[bool, about("whether there are steps beyond `at` that were not searched yet")]
    problems: Annotated[list[StopProblem], about("conditions that are none; they never hold")]


class Limit(Wire, frozen=True):
    """A limit was hit."""

    type: Literal["limit"]
    limit: Literal["time", "cpu", "memory", "output", "size", "insns"]
    message: Annotated[str, about("a sentence")]


class Error(Wire, frozen=True):
    """A message was refused, or a run ended early."""

    type: Literal["error"]
    code: Annotated[
        Literal[
            "bad_request", "size", "busy", "disk", "unknown_run", "upload", "window", "analysis", "crashed", "restart",
            "internal", "input",
        ],
        about(
            "the first six: refused, nothing runs (`busy` after `queued`: it waited too long, `done` follows; "
            "`upload`: a file that the message names is no longer on the server, upload it again); "
            "`window`: the steps or the log asked for cannot be read, the run "
            "goes on; `analysis`: a question about the program cannot be answered; "
            "`crashed`, `restart` (of the server), `internal`, `input`: the run is over, `done` follows"
        ),
    ]  # fmt: skip
    message: Annotated[str, about("a sentence")]
    asked: Annotated[
        str | Unset,
        about(
            "type of the message that asked: with `analysis`; with `upload` for a question about a program; with "
            "`window` for `value`, `facts`, `states`, `rounds` and `seek`"
        ),
    ] = UNSET
    retry_after: Annotated[int | Unset, about("with `busy`: seconds after which to try again")] = UNSET


class Done(Wire, frozen=True):
    """The run is over."""

    type: Literal["done"]
    ms: Annotated[float, about("milliseconds in the worker")]
    cancelled: bool


TYPES: Final[Mapping[str, type[Wire]]] = {
    "hello": Hello,
    "accepted": Accepted,
    "queued": Queued,
    "progress": Progress,
    "log": Log,
    "value": Value,
    "facts": ProvedFacts,
    "found": Found,
    "states": ComparedStates,
    "rounds": LoopRounds,
    "contents": Contents,
    "rewritten": RewrittenProgram,
    "fix": FoundFix,
    "fixes_done": FixesDone,
    "smaller": SmallerSource,
    "reduced": ReducedSource,
    "counterexample": Counterexample,
    "kernels": Kernels,
    "cell": KernelCell,
    "emulated": EmulatedCell,
    "fix_tried": FixTried,
    "cells_done": CellsDone,
    "real": RealBegun,
    "real_packet": RealPacket,
    "real_attached": RealAttached,
    "real_output": RealOutput,
    "real_map": RealMap,
    "real_done": RealDone,
    "setup": Setup,
    "event_recorded": EventRecorded,
    "recording": RecordingMade,
    "binaries": Binaries,
    "profile": WalkProfile,
    "advice": FoundAdvice,
    "advice_done": AdviceDone,
    "setting": TriedSetting,
    "settings_done": SettingsDone,
    "compare": WalksCompared,
    "graph": Graph,
    "replayed": Replayed,
    "limit": Limit,
    "error": Error,
    "done": Done,
}
STEPS: Final[Mapping[str, type[Wire]]] = {"verify": VerifySteps, "run": RunSteps}
STAGE_TYPES: Final = (Working, Skipped, Refused, Compiled, Loaded, Verified, Translated, Executed)

ServerMessage: TypeAlias = (
    Hello
    | Accepted
    | Queued
    | Progress
    | Log
    | Value
    | ProvedFacts
    | Found
    | ComparedStates
    | LoopRounds
    | Graph
    | Contents
    | RewrittenProgram
    | FoundFix
    | FixesDone
    | SmallerSource
    | ReducedSource
    | Counterexample
    | Kernels
    | KernelCell
    | EmulatedCell
    | FixTried
    | CellsDone
    | RealBegun
    | RealPacket
    | RealAttached
    | RealOutput
    | RealMap
    | RealDone
    | EventRecorded
    | RecordingMade
    | Binaries
    | WalkProfile
    | FoundAdvice
    | AdviceDone
    | TriedSetting
    | SettingsDone
    | WalksCompared
    | Limit
    | Error
    | Done
    | VerifySteps
    | RunSteps
    | InsnsPart
    | ListingPart
    | LogPart
    | PathsPart
    | PruningsPart
    | ArrivalsPart
    | PrecisionPart
    | HoldingsPart
    | TreePart
    | Working
    | Skipped
    | Refused
    | Compiled
    | Loaded
    | Verified
    | Translated
    | Executed
    | Replayed
)


def message_type(message: Mapping[str, Any]) -> type[Wire]:
    """The type of a server's message. KeyError where there is none."""
    kind = message["type"]
    if kind == "stage":
        return stage_type(message)
    if kind == "part":
        return PARTS[message["list"]]
    return STEPS[message["stage"]] if kind == "steps" else TYPES[kind]


def read(text: str | bytes) -> Wire:
    """A server's message from its JSON text.

    Raises KeyError for a type that does not exist, msgspec.ValidationError for a field that is unknown, missing or of
    another type. For tests and tools: a client ignores fields it does not know.
    """
    return msgspec.json.decode(text, type=message_type(json.loads(text)))
