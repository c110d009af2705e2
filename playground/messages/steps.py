"""Steps of the verifier and of the machine, and the values in them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, field

from playground.messages.base import Unset, Wire, about


class Scalar(Wire, frozen=True):
    """What is known of a number, or of the variable part of an offset. Fields in text can exceed 2^53."""

    umin: Annotated[str, about("smallest value, unsigned 64 bits, decimal")]
    umax: Annotated[str, about("largest value, unsigned")]
    smin: Annotated[str, about("smallest value, signed")]
    smax: Annotated[str, about("largest value, signed")]
    value: Annotated[str, about("`var_off`: the bits that are known, hex")]
    mask: Annotated[str, about("`var_off`: the bits that are unknown, hex")]
    u32min: Annotated[int, about("the same of the lower 32 bits")]
    u32max: int
    s32min: int
    s32max: int


class Reg(Wire, frozen=True):
    """A register or stack slot as the verifier sees it."""

    k: Annotated[
        str,
        about(
            "kind: `number`, `ctx`, `packet`, `packet_end`, `packet_meta`, `map_value`, `map`, "
            "`stack`, `kernel`, `memory`, `func` or `none`"
        ),
    ]
    t: Annotated[str, about("as the kernel's log prints it")]
    null: Annotated[bool, about("true: it may be NULL")] | Unset = UNSET
    p: Annotated[bool, about("true: it is marked precise")] | Unset = UNSET
    w: (
        Annotated[
            int, about("the step that wrote it; -1: it was there at the entry. Absent in `set`: this step wrote it")
        ]
        | Unset
    ) = UNSET
    s: Annotated[Scalar, about("for numbers and variable offsets")] | Unset = UNSET
    off: Annotated[int, about("constant part of a pointer's offset, if not 0")] | Unset = UNSET
    range: Annotated[int, about("bytes of the packet known to be there")] | Unset = UNSET
    id: Annotated[int, about("registers with the same id have the same value or origin")] | Unset = UNSET
    ref: Annotated[int, about("id of the reference it holds")] | Unset = UNSET
    map: Annotated[str, about("name of the map")] | Unset = UNSET
    size: Annotated[int, about("bytes of the memory pointed to")] | Unset = UNSET


Regs: TypeAlias = dict[str, Reg]


class VerifierStep(Wire, frozen=True):
    """One visit of one instruction. `set` and `del` are the difference to the step before it in the list."""

    insn: Annotated[int, about("the instruction's slot")]
    path: Annotated[int, about("id of the path")]
    frame: Annotated[int, about("number of the current frame; names of frames above 0 are prefixed `n:`")]
    set: Annotated[Regs, about("registers and slots that differ")] | Unset = UNSET
    del_: Annotated[list[str], about("names that hold nothing any more")] | Unset = field(name="del", default=UNSET)
    depth: Annotated[int, about("number of frames, where it changed")] | Unset = UNSET
    prev: (
        Annotated[int, about("where a branch is taken up: the step after which its path forked; -1: the entry")] | Unset
    ) = UNSET
    wrote: Annotated[list[str], about("with `prev`: the names the instruction changed")] | Unset = UNSET
    was: Annotated[Regs, about("with `prev`: those names as the instruction found them")] | Unset = UNSET
    read: Annotated[list[str], about("names the instruction read")] | Unset = UNSET


class VerifierKeyframe(Wire, frozen=True):
    """The full state before a step."""

    state: Annotated[Regs, about("every register and slot that holds something")]
    depth: Annotated[int, about("number of frames")]


class MemoryWrite(Wire, frozen=True):
    """Bytes that the program stored; in a recording also what it loaded and what calls wrote."""

    addr: Annotated[str, about("address, hex")]
    hex: Annotated[str, about("the bytes")]
    name: Annotated[str, about("`fp-8`, `ctx+4`, `packet+14`, …")]
    by: (
        Annotated[Literal["load", "call"], about("`load`: the instruction read them; `call`: the function wrote them")]
        | Unset
    ) = UNSET
    missing: Annotated[int, about("bytes that a call wrote and that are not recorded: `hex` is empty")] | Unset = UNSET


class MachineStep(Wire, frozen=True):
    """One BPF instruction executed. Registers are those that changed."""

    insn: Annotated[int, about("the instruction's slot")]
    x86: Annotated[int, about("offset of its machine code")]
    regs: Annotated[dict[str, str], about("BPF registers, hex")]
    x: Annotated[dict[str, str], about("x86 registers, hex; absent in the interpreter")] | Unset = UNSET
    mem: Annotated[list[MemoryWrite], about("what it stored, or what is known by it")] | Unset = UNSET
    event: Annotated[int, about("index into the run's `events`")] | Unset = UNSET
    frame: Annotated[int, about("number of the frame, if not 0")] | Unset = UNSET
    walk_step: Annotated[int, about("the verifier's step that says what was known here")] | Unset = UNSET
    walk_before: Annotated[bool, about("true: the state that step found, not the one it left")] | Unset = UNSET
    walk_frame: Annotated[int, about("the frame in that state, if not 0")] | Unset = UNSET
    walk_wrong: (
        Annotated[bool, about("true: the registers of `walk_outside` are outside what the verifier had proved")] | Unset
    ) = UNSET
    walk_outside: Annotated[list[str], about("registers of which nothing was known")] | Unset = UNSET


class MachineKeyframe(Wire, frozen=True):
    """Registers and recent stores before a step."""

    regs: Annotated[dict[str, str], about("BPF registers, hex")]
    x: Annotated[dict[str, str], about("x86 registers, hex")]
    mem: Annotated[list[MemoryWrite], about("the last stores, at most 256")]


class VerifySteps(Wire, frozen=True, kw_only=True):
    """A chunk of the verifier's steps. A window that nothing is known of has `run`, no keyframe and no steps."""

    type: Literal["steps"]
    stage: Literal["verify"]
    run: Annotated[int, about("0")] | Unset = UNSET
    from_: Annotated[int, about("number of the first step")] = field(name="from")
    total: Annotated[int, about("steps there are so far")]
    keyframe: Annotated[VerifierKeyframe | None, about("the state before the first step")]
    steps: list[VerifierStep]


class RunSteps(Wire, frozen=True, kw_only=True):
    """A chunk of the machine's steps."""

    type: Literal["steps"]
    stage: Literal["run"]
    run: Annotated[int, about("number of the run, from 0")]
    from_: Annotated[int, about("number of the first step")] = field(name="from")
    total: Annotated[int, about("steps there are so far")]
    keyframe: Annotated[MachineKeyframe | None, about("the state before the first step")]
    steps: list[MachineStep]
