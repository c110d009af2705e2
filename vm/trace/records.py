"""Types of the records of a walk.

A step is one visit of one instruction. The state of a step is the state after the instruction (for the failing step,
the state before it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vm.namedtuples import NamedTuple
from vm.trace.root_cause import NO_CAUSE, RootCause
from vm.verifier.rules.rule import Rule


class ScalarView(NamedTuple):
    """The bounds in the kernel's order of fields. Signed bounds are negative numbers; value and mask are the tnum."""

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
    """The readable form of a register or stack slot.

    kind  -- number, ctx, packet, packet_end, packet_meta, map_value, map, stack, kernel, memory, func, none
    text  -- the kernel's text, e.g. "pkt(off=14,r=34)" or "scalar(umax=255,...)"
    written_at -- the step that last wrote it; -1 if it has its initial value
    scalar -- for numbers, and for the variable part of a pointer's offset
    map, size -- name of the map, accessible bytes (map values, memory), if there are any
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
    """One path through the program, from its fork to its end.

    end -- exit, safe (pruned) or reject; pruned_by -- the step before which the covering checkpoint was stored, else -1
    speculative -- only a mispredicted branch leads there.
    """

    id: int
    parent: int
    push_step: int
    first_step: int
    last_step: int
    end: str
    pruned_by: int
    speculative: bool = False


class Pruning(NamedTuple):
    """A path that ended because a checkpoint covers it (or, rule "endless", a loop that reached the same state again).

    after      -- the step whose state arrived on path `path`, before insn_idx would have been visited
    checkpoint -- the visit of insn_idx before which the covering checkpoint was stored
    rule       -- done, open_loop, iterator, may_goto, callback, endless; see RULES of retell.py
    exact      -- NOT_EXACT, RANGE_WITHIN or EXACT: how states_equal() compared
    text       -- the rule as a sentence
    compared   -- (name, value in the checkpoint, value that arrived, how) of every compared slot; how is same, within
                  (the checkpoint's range contains it), or any (a number on which nothing depends)
    """

    insn_idx: int
    path: int
    after: int
    checkpoint: int
    rule: str
    exact: str
    text: str
    compared: tuple[tuple[str, str, str, str], ...]


class Arrival(NamedTuple):
    """A failed comparison. The fields are those of Pruning; name: the first slot that differs, "" if none does."""

    insn_idx: int
    path: int
    after: int
    checkpoint: int
    rule: str
    exact: str
    name: str
    text: str


class ChainLink(NamedTuple):
    """One instruction of a backtracking chain: `names` had to be precise after it. insn_idx -1: backtracking failed."""

    insn_idx: int
    frame: int
    names: tuple[str, ...]


class PrecisionMark(NamedTuple):
    """One call of mark_chain_precision(): at `step`, for `names`, because of `why` (a word) -- `text` is the sentence.

    chain -- newest instruction first, without instructions that do not change the set.
    """

    step: int
    insn_idx: int
    path: int
    names: tuple[str, ...]
    why: str
    text: str
    chain: tuple[ChainLink, ...]


class Release(NamedTuple):
    """A release at `step` of path `path`; how: the function called there, or a description."""

    step: int
    path: int
    insn_idx: int
    how: str


class Holding(NamedTuple):
    """An acquired resource: kind is reference, lock, rcu or preempt.

    by -- the acquiring function ("bpf_ringbuf_reserve"); id is the kernel's number of a reference or lock (else 0).
    released -- one entry for each path that released it; still_held -- paths that were rejected while holding it.
    """

    kind: str
    id: int
    by: str
    step: int
    insn_idx: int
    path: int
    released: tuple[Release, ...]
    still_held: tuple[int, ...]


class Cause(NamedTuple):
    """A step that led to the rejected value. name: the slot that it changed; why: a short reason.

    kind -- entry, value, load, call, argument, move, spill, fill, arithmetic, branch, clobbered, acquired, loop,
            checkpoint, failed
    """

    step: int
    insn_idx: int
    name: str
    kind: str
    why: str


class Trace(Protocol):
    """Random access to a finished walk."""

    def __len__(self) -> int:
        """Number of steps."""
        ...

    def step(self, i: int) -> Step: ...

    def state(self, i: int) -> Mapping[str, RegView]:
        """Every live register and stack slot of every frame after step i; i = -1 is the entry state."""
        ...

    def writer(self, i: int, name: str) -> int:
        """The step that wrote the value that slot `name` has after step i; -1: it is the initial value."""
        ...

    @property
    def paths(self) -> Sequence[Path]: ...

    @property
    def prunings(self) -> Sequence[Pruning]:
        """Paths that a checkpoint covered, in order; those in the middle of a long walk are not kept."""
        ...

    def arrivals(self, insn_idx: int) -> Sequence[Arrival]:
        """Failed comparisons at insn_idx, in order; with the same bound."""
        ...

    @property
    def precision(self) -> Sequence[PrecisionMark]:
        """Calls of mark_chain_precision(), in order; with the same bound."""
        ...

    @property
    def holdings(self) -> Sequence[Holding]:
        """References, locks, RCU read sections and preempt-disabled sections, in the order of acquisition."""
        ...

    @property
    def log_steps(self) -> Sequence[tuple[int, int]]:
        """(line number in the level-2 log, step) pairs, in order."""
        ...


class Failure(NamedTuple):
    """Why a program was rejected: where, and which register or slot ("r1", "1:fp-8", "" for none).

    message  -- the line of the kernel's log that names the reason; "" if the kernel says nothing
    rule     -- name of the rule (`python -m vm rules` lists them); category -- one of rules.rule.CATEGORIES
    partners -- the kernel's other messages about the rejection, in the log's order
    explanation -- why it was rejected, as far as this follows from the facts; "" if nothing more is known
    proven, proven_text -- the value of `reg` before the failing instruction, and the same as a sentence
    needed   -- what would have been accepted, as a sentence; "" if the message is sufficient
    causes   -- the steps that led to reg's value, oldest first, the failing one last (at most 32)
    cause    -- the root cause in machine-readable form
    """

    step: int
    insn_idx: int
    reg: str
    message: str
    rule: str = ""
    category: str = ""
    partners: tuple[str, ...] = ()
    explanation: str = ""
    proven: RegView | None = None
    proven_text: str = ""
    needed: str = ""
    causes: tuple[Cause, ...] = ()
    cause: RootCause = NO_CAUSE


class Verification(NamedTuple):
    """The result of bpf_check().

    verdict -- accept or reject; errno is negative as the kernel returns it (-13 = EACCES), 0 if accepted.
    log     -- the text at the requested level.
    message -- the line of the log that names the reason, "" if the program is accepted or the kernel says nothing.
    trace   -- None when recording was off.
    log_stopped -- the log ends before the walk did (VerifyOptions.log_steps).
    log_lines -- (line of the log from 0, step) of the lines that belong to steps.
    rule    -- why it is rejected, None if it is accepted.
    """

    verdict: str
    errno: int
    message: str
    insns_processed: int
    log: str
    trace: Trace | None
    failure: Failure | None
    rule: Rule | None = None
    log_stopped: bool = False
    log_lines: tuple[tuple[int, int], ...] = ()
