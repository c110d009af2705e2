"""The outcome of a run: result, steps, map contents, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

STORED: Final = ""
LOADED: Final = "load"
BY_CALL: Final = "call"
PROGRAM: Final = 1 << 24
"""What is added to the slot of an instruction for each program before its own: the one that runs, and those that its
tail calls can reach."""


class MemoryWrite(NamedTuple):
    """Bytes the program itself stored at this step; `name` is "fp-8", "ctx+4", "packet+14", "counts[0]+0" …

    Of a recorded event there is more than what was STORED.

    by      -- LOADED: the instruction read these bytes; BY_CALL: the helper or kernel function wrote them
    missing -- bytes that a call wrote and that are not recorded; then `data` is empty
    """

    address: int
    data: bytes
    name: str
    by: str = STORED
    missing: int = 0


class RunStep(NamedTuple):
    """One BPF instruction executed.

    regs -- r0-r10 after it; x86 -- rax rcx rdx rbx rsp rbp rsi rdi r8-r15 after it (empty for the interpreter)
    insn_idx counts slots of the *original* program; x86_off is the offset of its machine code. Steps of a program that
    a tail call entered have the number of that program, from 1, times PROGRAM added to insn_idx.
    event -- index into Execution.events of what a helper said here, or -1.
    """

    insn_idx: int
    x86_off: int
    regs: tuple[int, ...]
    x86: tuple[int, ...]
    writes: tuple[MemoryWrite, ...] = ()
    event: int = -1
    frameno: int = 0


X86_REGS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip


class RunEvent(NamedTuple):
    """Output of a helper: kind is printk, perf, ringbuf, redirect, adjust or tail_call; data is raw bytes of output."""

    step: int
    kind: str
    text: str
    data: bytes = b""


class Fault(NamedTuple):
    """The machine stopped: kind is memory, insns, time or helper; message is for a person."""

    kind: str
    message: str
    insn_idx: int
    step: int


class Region(NamedTuple):
    """A named piece of the machine's memory."""

    name: str
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of one program on one input.

    result     -- r0 as the hook reads it ("XDP_DROP"), or the number as text
    packet_out -- the packet as the program left it, None without one
    maps       -- map name -> ((key, value), ...) for every map of the program, in the map's own order (16,384 at most)
    insns      -- BPF instructions executed
    steps      -- empty when recording was off; cut after `RunLimits.steps` with `steps_cut` set
    regions    -- named memory at the end of the run; empty when recording was off
    lacking    -- of a recorded event why its calls and memory cannot be told, a sentence; "": they are told
    """

    engine: str
    r0: int
    result: str
    packet_out: bytes | None
    maps: Mapping[str, tuple[tuple[bytes, bytes], ...]]
    events: Sequence[RunEvent]
    insns: int
    steps: Sequence[RunStep]
    steps_cut: bool
    fault: Fault | None
    regions: Sequence[Region]
    lacking: str = ""
