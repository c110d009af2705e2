"""What the walk did, step by step: the one thing every panel reads.

A step is one visit of one instruction. The state of a step is what holds after the
instruction (for the failing step, what held before it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class ScalarView(NamedTuple):
    """Bounds as the kernel keeps them; signed ones are negative numbers, value/mask the tnum."""

    umin: int
    umax: int
    smin: int
    smax: int
    value: int
    mask: int
    u32_min: int
    u32_max: int
    s32_min: int
    s32_max: int


class RegView(NamedTuple):
    """A register or stack slot as a person reads it.

    kind  -- number, ctx, packet, packet_end, packet_meta, map_value, map, stack, kernel, memory, func, none
    text  -- the kernel's words, e.g. "pkt(off=14,r=34)" or "scalar(umax=255,...)"
    written_at -- step that last wrote it, -1 if it was there at the start
    scalar -- for numbers, and for the variable part of a pointer's offset
    map, size -- name of the map, bytes reachable (map values, memory), where they mean something
    """

    kind: str
    text: str
    maybe_null: bool = False
    precise: bool = False
    written_at: int = -1
    scalar: ScalarView | None = None
    off: int = 0
    range: int = 0
    id: int = 0
    ref_obj_id: int = 0
    map: str = ""
    size: int = 0


class Step(NamedTuple):
    """One visit of one instruction.

    writes and reads hold slot names: "r3", "fp-8"; in frame n > 0 "n:r3".
    """

    insn_idx: int
    frameno: int
    path: int
    writes: tuple[str, ...]
    reads: tuple[str, ...]


class Path(NamedTuple):
    """One straight way through the program, from where it was forked to its end.

    end -- exit, safe (pruned), reject, or limit; pruned_by is the step whose cached state covered it, else -1.
    """

    id: int
    parent: int
    push_step: int
    first_step: int
    last_step: int
    end: str
    pruned_by: int


class Trace(Protocol):
    """Random access to a finished walk."""

    def __len__(self) -> int:
        """Number of steps."""
        ...

    def step(self, i: int) -> Step: ...

    def state(self, i: int) -> Mapping[str, RegView]:
        """Every live register and stack slot of every frame after step i; i = -1 is the entry state."""
        ...

    @property
    def paths(self) -> Sequence[Path]: ...

    @property
    def log_steps(self) -> Sequence[tuple[int, int]]:
        """(line number in the level-2 log, step) pairs, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a program was rejected: where, and which register or slot ("r1", "fp-8", "" for none)."""

    step: int
    insn_idx: int
    reg: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What bpf_check() would say.

    verdict -- accept or reject; errno is negative as the kernel returns it (-13 = EACCES), 0 if accepted.
    log     -- the text at the requested level.
    trace   -- None when recording was off.
    """

    verdict: str
    errno: int
    message: str
    insns_processed: int
    log: str
    trace: Trace | None
    failure: Failure | None
    not_emulated: tuple[str, ...] = ()
