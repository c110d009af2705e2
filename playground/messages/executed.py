"""What the stage run says: results, events, maps, memory."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.built import Insn, MachineInsn
from playground.messages.stage_fields import COMMAND, MS, RETURNED, SUMMARY, TOOK, WHY, Ended, Passed
from playground.messages.steps import VerifierKeyframe, VerifierStep


class Fault(Wire, frozen=True):
    """Why the machine stopped."""

    kind: Annotated[str, about("`memory`, `insns`, `time` or `helper`")]
    message: Annotated[str, about("a sentence")]
    insn_idx: int
    step: int


class RunResult(Wire, frozen=True):
    """One run of the program on one input."""

    r0: Annotated[str, about("64 bits, hex")]
    result: Annotated[str, about("what the hook makes of it: `XDP_DROP`, `-EACCES (-13)`, a number")]
    packet_out: Annotated[str | None, about("the packet as the program left it, hex")]
    insns: Annotated[int, about("instructions executed")]
    steps: Annotated[int, about("steps recorded")]
    steps_cut: Annotated[bool, about("true: not all were recorded")]
    fault: Fault | None


class Variable(Wire, frozen=True):
    """A global variable."""

    name: str
    type: Annotated[str, about("C text")]
    offset: Annotated[int, about("bytes, in the section")]
    size: Annotated[int, about("bytes")]
    value: Annotated[str, about("C text")]


class MapContent(Wire, frozen=True):
    """A map as the last run left it."""

    type: str
    entries: Annotated[
        list[tuple[str, str, str]], about('[key in hex, value in hex, value as C text or `""`], the first 256')
    ]
    cut: Annotated[int, about("entries left out")]
    keys: Annotated[list[str], about("the keys as C text, where they are structs or arrays")] | Unset = UNSET
    variables: Annotated[list[Variable], about("of .data, .bss, .rodata or .kconfig with BTF")] | Unset = UNSET


class Event(Wire, frozen=True):
    """What a helper did or printed."""

    run: int
    step: int
    kind: Annotated[
        str,
        about("`printk`, `perf`, `ringbuf`, `redirect`, `adjust` or `tail_call`; `call` of a helper, in a recording"),
    ]
    text: str
    hex: Annotated[str, about("bytes of the output")]
    decoded: Annotated[
        str, about("a record by the only structure of the program that has its size, else the strings in it")
    ]


class Region(Wire, frozen=True):
    """A named part of memory."""

    name: str
    address: Annotated[str, about("hex")]
    size: Annotated[int, about("bytes")]


class StructRow(Wire, frozen=True):
    """A field of a struct. A field without a name is a struct or union whose members follow."""

    depth: Annotated[int, about("how many structs it lies in")]
    name: str
    type: Annotated[str, about("C text")]
    offset: Annotated[int, about("bytes, in the whole struct")]
    size: Annotated[int, about("bytes")]
    bits: Annotated[int, about("of a bit-field; else 0")]
    holds: Annotated[bool, about("whether the rows that follow with a greater depth are its members")]


class StructLayout(Wire, frozen=True):
    """The fields of structs in memory; those of structs that the recording holds nothing of are left out."""

    rows: list[StructRow]


class StructValue(Wire, frozen=True):
    """What a field holds from a step on."""

    row: Annotated[int, about("number of the field in the layout")]
    step: Annotated[int, about("-1: at the entry of the program")]
    how: Annotated[
        Literal["entry", "read", "write", "call", "return"],
        about("how it is known: read or written by the step, written by a call, read at the entry or the return"),
    ]
    text: Annotated[str, about('C text; in hex with `··` for bytes that are not known; `""`: nothing is')]


class HeldStruct(Wire, frozen=True):
    """A struct in the memory of a recorded event."""

    run: int
    name: Annotated[str, about("as in the names of memory: `ctx`, `sock`, `value of counts`")]
    type: Annotated[str, about('C text; `""`: the arguments of the hook')]
    address: Annotated[str, about("hex")]
    size: Annotated[int, about("bytes")]
    layout: Annotated[int, about("number of its layout")]
    values: list[StructValue]
    steps: Annotated[int, about("of the event, whose reads and writes are in `values`")]


class RecordedProgram(Wire, frozen=True):
    """A program that a recording was made of."""

    name: str
    events: Annotated[int, about("that were recorded")]


class LackingEvents(Wire, frozen=True):
    """Events of which the recording holds what cannot be true: they have their steps, without calls and memory."""

    events: Annotated[list[int], about("numbers of the runs")]
    why: Annotated[str, about("a sentence")]


class Recorded(Wire, frozen=True):
    """Where and how the events of a recording were recorded."""

    kernel: Annotated[str, about("what `uname -r` printed there")]
    workload: Annotated[str, about("the line of shell that ran")]
    matched: Annotated[
        Literal["instruction", "line"],
        about(
            "how the steps were found: `instruction`, the kernel's machine code is the one that is made here; "
            "`line`, by the kernel's line information, a step for each C line"
        ),
    ]
    tasks: Annotated[list[str], about("of each run, the name and process id of the task")]
    notes: Annotated[list[str], about("what the recording leaves out")]
    printed: Annotated[list[str], about("what the programs printed, with bpf_printk")]
    outside: Annotated[
        list[list[int]], about("run and step, where a register was outside what the verifier had proved")
    ]
    programs: Annotated[list[RecordedProgram], about("all that were recorded together")] | Unset = UNSET
    layouts: list[StructLayout] | Unset = UNSET
    structs: Annotated[list[HeldStruct], about("the context first, then by their first use")] | Unset = UNSET
    structs_left: Annotated[int, about("structs that are left out, because there are too many")] | Unset = UNSET
    replayed: (
        Annotated[
            int,
            about(
                "events of which `outside`, `structs` and the stage's `events` tell so far: the message `replayed` "
                "tells more. Where `done` comes before all are told, a `limit` or an `error` before it says why, or it "
                "was cancelled; what was told stays. Absent: all"
            ),
        ]
        | Unset
    ) = UNSET
    lacking: Annotated[list[LackingEvents], about("events that cannot be told in full; absent: none")] | Unset = UNSET


class EnteredWalk(Wire, frozen=True):
    """The beginning of the verifier's walk of a program that a tail call entered."""

    total: Annotated[int, about("steps of the walk")]
    keyframe: VerifierKeyframe
    steps: Annotated[list[VerifierStep], about("the first ones: 1,024 of all programs together")]


class Entered(Wire, frozen=True):
    """A program that a tail call entered. Slots of its instructions are counted from 16777216 times its number on.

    A step of this program that has `walk_step` means a step of `walk`.
    """

    name: str
    insns: list[Insn]
    listing: Annotated[list[MachineInsn], about("its machine code")]
    walk: Annotated[EnteredWalk, about("absent: not entered, or too long")] | Unset = UNSET


class Executed(Wire, frozen=True):
    """`run` done, or failed in the middle of the last run."""

    type: Literal["stage"]
    stage: Literal["run"]
    status: Ended
    ms: Annotated[float, MS]
    summary: Annotated[str, SUMMARY]
    message: Annotated[str, WHY]
    packet_in: Annotated[list[str], about("the packets, hex")]
    engine: Annotated[str, about("`jit`, `interpreter`, or the kernel that was recorded")]
    runs: list[RunResult]
    maps: Annotated[dict[str, MapContent], about("by name")]
    events: Annotated[list[Event], about("the first 2,000")]
    memory: Annotated[list[Region], about("the regions that addresses belong to")]
    recorded: Annotated[Recorded, about("with an input of kind `recording`")] | Unset = UNSET
    entered: Annotated[list[Entered], about("programs that tail calls enter, by their numbers from 1")] | Unset = UNSET
    command: Annotated[str, COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], RETURNED] | Unset = UNSET


class Replayed(Wire, frozen=True):
    """The events of a recording that the message of `run` does not tell are replayed: the fields that this changes.

    Where the replay failed in the middle, `recorded` has `replayed`, and the reason follows.
    """

    type: Literal["replayed"]
    events: Annotated[list[Event], about("the first 2,000")]
    memory: Annotated[list[Region], about("the regions that addresses belong to")]
    recorded: Recorded
    returned: Annotated[list[Passed], RETURNED]
