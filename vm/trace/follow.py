"""Follows a run through the recorded walk: which step of the walk covers where the run is.

A position is a step of the walk that visits the instruction the run is at, on the path whose branch decisions are
those of the run. Where the walk ended a path because a checkpoint covered it, the run goes on behind that checkpoint:
there the states say more than was compared (a number nothing depends on covers every number), so from then on, until
the run's values lie inside a state again, a position is *loose*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vm.bits import U64
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.trace.recorder import Recorder
from vm.trace.snapshots import FrameSnapshot
from vm.verifier.domain.scalar import Scalar
from vm.verifier.state import reg_types as t

CALL: Final = o.JMP | o.CALL
EXIT: Final = o.JMP | o.EXIT

# Pointers that are never null once they are said not to be; a plain BTF pointer may be, and a read of it gives 0.
SOLID: Final = frozenset({
    t.PTR_TO_CTX, t.CONST_PTR_TO_MAP, t.PTR_TO_MAP_VALUE, t.PTR_TO_MAP_KEY, t.PTR_TO_STACK, t.PTR_TO_PACKET_META,
    t.PTR_TO_PACKET, t.PTR_TO_PACKET_END, t.PTR_TO_SOCKET, t.PTR_TO_SOCK_COMMON, t.PTR_TO_TCP_SOCK, t.PTR_TO_MEM,
    t.PTR_TO_FUNC, t.CONST_PTR_TO_DYNPTR,
})  # fmt: skip


def signed(value: int, bits: int) -> int:
    """The low `bits` of a number as a signed one."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def outside(s: Scalar, value: int) -> str:
    """The bound of `s` that the unsigned 64-bit `value` breaks: "known bits", "u64", "s64", "u32", "s32", or ""."""
    low = value & 0xFFFFFFFF
    if value & ~s.var_off.mask & U64 != s.var_off.value:
        return "known bits"
    if not s.umin <= value <= s.umax:
        return "u64"
    if not s.smin <= signed(value, 64) <= s.smax:
        return "s64"
    if not s.u32_min <= low <= s.u32_max:
        return "u32"
    return "" if s.s32_min <= signed(low, 32) <= s.s32_max else "s32"


def may_be_null(reg_type: int) -> bool:
    """Whether a pointer of this type may be 0 in a run."""
    return bool(
        reg_type & t.PTR_MAYBE_NULL
        or reg_type & t.BPF_BASE_TYPE_MASK not in SOLID
        or reg_type & (t.PTR_UNTRUSTED | t.MEM_USER)
    )


class Position(NamedTuple):
    """A step of the walk, and whether what it knows of the run is more than was compared."""

    step: int
    loose: bool


class Arrival(NamedTuple):
    """How the walk came to a position, and the state it had then: what holds between two instructions of the run.

    shown  -- the step whose state that is, or that of the branch where it is no step's (-1: neither)
    before -- the state the step found, not the one it left
    """

    position: Position
    frames: tuple[FrameSnapshot, ...]
    shown: int
    before: bool


class WalkPaths:
    """The steps that can follow each step of a finished walk.

    global_starts -- first instructions of the functions that were walked on their own
    removed       -- instructions that do not exist in the code that runs: they are passed over
    """

    def __init__(
        self,
        trace: Recorder,
        insns: Sequence[Insn],
        global_starts: frozenset[int] = frozenset(),
        removed: frozenset[int] = frozenset(),
    ) -> None:
        self.trace = trace
        self.insns = insns
        self.global_starts = global_starts
        self._removed = removed
        self._forks: dict[int, list[int]] = defaultdict(list)  # step -> first steps of the paths pushed there
        self._covered: dict[int, list[tuple[int, int]]] = defaultdict(list)  # step -> (path, step behind its end)
        self._entries: dict[int, int] = {}  # first instruction of a function walked on its own -> its first step
        for path in trace.paths:
            empty = path.last_step < path.first_step
            if path.end == "safe":
                self._covered[path.push_step if empty else path.last_step].append((path.id, path.pruned_by))
            if not empty and path.push_step >= 0:
                self._forks[path.push_step].append(path.first_step)
            if not empty and path.parent < 0:
                self._entries.setdefault(trace.insn_idx(path.first_step), path.first_step)

    def start(self) -> Arrival:
        """Where the program starts."""
        return Arrival(Position(0, False), self.trace.start(0), 0, True)

    def enters_alone(self, before: Insn, idx: int) -> bool:
        """Whether a call goes to a function that was walked on its own."""
        return before.code == CALL and before.src_reg == o.PSEUDO_CALL and idx in self.global_starts

    def enter(self, idx: int) -> Arrival:
        """Where the walk of a function on its own starts."""
        first = self._entries[idx]
        return Arrival(Position(first, False), self.trace.raw_before(first), first, True)

    def next(self, at: Iterable[Position], idx: int, left: bool) -> Iterator[Arrival]:
        """How the walk went on from `at` with the instruction idx.

        left -- a frame was just left: a callback comes back to the call that made it, which the run does not see
        """
        todo = list(at)
        seen = set(todo)
        while todo:
            for arrival in self._after(todo.pop()):
                position = arrival.position
                visited = self.trace.insn_idx(position.step)
                if visited == idx:
                    yield arrival
                if position in seen:
                    continue
                insn = self.insns[visited]
                removed = visited in self._removed
                unseen = visited != idx and (removed or (left and insn.code == CALL))
                if unseen or self._forks_itself(position.step, insn):
                    seen.add(position)
                    todo.append(position if removed or visited == idx else position._replace(loose=True))

    def _forks_itself(self, step: int, insn: Insn) -> bool:
        """maybe_fork_scalars(): a number that is 0 or -1 is followed as either, from this very instruction."""
        if insn.code & 7 not in (o.ALU, o.ALU64):
            return False
        return any(self.trace.insn_idx(j) == self.trace.insn_idx(step) for j in self._forks.get(step, ()))

    def _calls(self, step: int) -> bool:
        return self.insns[self.trace.insn_idx(step)].code & 0xF0 in (o.CALL, o.EXIT)

    def state(self, arrival: Arrival) -> tuple[FrameSnapshot, ...]:
        """The state that `shown` and `before` of an arrival name; it differs from `frames` where that is no step's."""
        return self.trace.raw_before(arrival.shown) if arrival.before else self.trace.raw(arrival.shown)

    def _after(self, position: Position) -> Iterator[Arrival]:
        trace, step = self.trace, position.step
        if step + 1 < len(trace) and trace.path_of(step + 1) == trace.path_of(step):
            yield Arrival(Position(step + 1, position.loose), trace.raw(step), step, False)
        for first in self._forks.get(step, ()):
            yield Arrival(Position(first, position.loose), trace.raw_before(first), first, True)
        for path, behind in self._covered.get(step, ()):
            # What arrived has to hold exactly; what the checkpoint says of it, loosely.
            goes_on = Position(behind, position.loose)
            if trace.path_by_id(path).last_step < trace.path_by_id(path).first_step:
                jumps = self.insns[trace.insn_idx(step)].code & 7 in (o.JMP, o.JMP32) and not self._calls(step)
                yield Arrival(goes_on, trace.start(path), step if jumps else -1, True)
            else:
                yield Arrival(goes_on, trace.raw(step), step, False)
