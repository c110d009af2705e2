"""The `stage` messages: what each stage of a run says when it begins, ends, fails or is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.built import Compiled, Loaded, MachineInsn, Refused
from playground.messages.executed import Executed
from playground.messages.stage_fields import COMMAND, MORE, MS, RETURNED, SUMMARY, TOOK, Passed, Stage
from playground.messages.verified import Verified


class Working(Wire, frozen=True):
    """A stage begins."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["working"]


class Skipped(Wire, frozen=True):
    """A stage has nothing to do, or one before it failed."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["skipped"]
    ms: Annotated[float, MS] | Unset = UNSET


class Translated(Wire, frozen=True):
    """`jit` done."""

    type: Literal["stage"]
    stage: Literal["jit"]
    status: Literal["done"]
    ms: Annotated[float, MS]
    summary: Annotated[str, SUMMARY]
    bytes: Annotated[int, about("size of the machine code")]
    xlated_bytes: Annotated[int, about("size of `xlated` of `binaries`")]
    listing: list[MachineInsn]
    more: Annotated[dict[str, int], MORE] | Unset = UNSET
    command: Annotated[str, COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], RETURNED] | Unset = UNSET


ENDS: Final[Mapping[str, tuple[type[Wire], str]]] = {
    "compile": (Compiled, "compiler"),
    "load": (Loaded, "insns"),
    "verify": (Verified, "verdict"),
    "jit": (Translated, "listing"),
    "run": (Executed, "runs"),
}
"""Stage -> its message with a result, and the field that tells it from Refused."""
PLAIN: Final[Mapping[str, type[Wire]]] = {"working": Working, "skipped": Skipped}


def stage_type(fields: Mapping[str, Any]) -> type[Wire]:
    """The type of a `stage` message with these fields. KeyError for a stage that does not exist."""
    end, mark = ENDS[fields["stage"]]
    status = fields["status"]
    if status in PLAIN:
        return PLAIN[status]
    return end if mark in fields or status == "done" else Refused
