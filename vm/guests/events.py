"""What a run of an object in a guest tells, one event after the other."""

from __future__ import annotations

from dataclasses import dataclass

from vm.guests.single_runs import Received
from vm.program import MapSpec
from vm.recorded.values import RecordedCode, RecordedEvent


@dataclass(frozen=True, slots=True)
class Attached:
    """Whether a program is attached, and why not. device -- the network device that it is attached to, if it is one"""

    program: str
    ok: bool
    why: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that a program printed (bpf_printk), as the kernel's trace_pipe shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A line that the workload wrote to its output or error output."""

    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a ring or perf buffer, or an iterator's text."""

    map: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """Content of a map; whole -- whether these are all entries. A later one replaces an earlier one of the same map."""

    spec: MapSpec
    entries: tuple[tuple[bytes, bytes], ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The end.

    lost     -- records that the kernel counted as lost
    left_out -- records, and bytes of printed text, that exceeded the limits
    status   -- the workload's, None if it was stopped
    stopped  -- why the run was ended before its time, a sentence; "": it was not
    """

    lost: int
    status: int | None
    left_out: tuple[int, int] = (0, 0)
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Codes:
    """The machine code of the programs that are recorded."""

    codes: tuple[RecordedCode, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that was recorded. seconds -- what that took, the guest's own time included"""

    event: RecordedEvent
    seconds: float


@dataclass(frozen=True, slots=True)
class Noted:
    """A sentence about something that a recording does not contain."""

    text: str


Event = Received | Attached | Printed | Shell | Record | Content | Codes | Recorded | Noted | Ended
