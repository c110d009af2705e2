"""Follows a run through the recorded walk: finds the step of the walk that covers the current step of the run.

A position is a step of the walk at the run's instruction, on the path with the same branch decisions as the run. If the
walk ended that path because a checkpoint covered it, the run continues after that checkpoint. The states there contain
more than was compared (a number on which nothing depends covers every number). Therefore positions are *loose* from
there on, until a state contains the run's values again.
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
MAX_WAYS: Final = 4000
"""Steps of a walk that are looked at for the ways back to a caller: that takes some 20 ms."""

# Pointers that are not null without PTR_MAYBE_NULL; a plain BTF pointer may be null, and a read of it gives 0.
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
    """The bound of `s` that the unsigned 64-bit `value` violates: "known bits", "u64", "s64", "u32", "s32", or ""."""
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
    """A step of the walk, and whether it is loose."""

    step: int
    loose: bool


class Arrival(NamedTuple):
    """How the walk reached a position, and its state there, which holds between two instructions of the run.

    shown  -- the step with that state, or the step of the branch if no step has it (-1: neither)
    before -- it is the state before that step, not the one after it
    """

    position: Position
    frames: tuple[FrameSnapshot, ...]
    shown: int
    before: bool


class WalkPaths:
    """The steps that can follow each step of a finished walk.

    global_starts -- first instructions of the functions that were verified separately
    removed       -- instructions that the running code does not have; they are skipped
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
        self._ways: dict[tuple[frozenset[Position], int, int], list[Arrival]] = {}  # what returned() found
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
        """The position at the start of the program."""
        return Arrival(Position(0, False), self.trace.start(0), 0, True)

    def enters_alone(self, before: Insn, idx: int) -> bool:
        """Whether a call goes to a function that was verified separately."""
        return before.code == CALL and before.src_reg == o.PSEUDO_CALL and idx in self.global_starts

    def enter(self, idx: int) -> Arrival:
        """The position at the start of a function that was verified separately."""
        first = self._entries[idx]
        return Arrival(Position(first, False), self.trace.raw_before(first), first, True)

    def next(self, at: Iterable[Position], idx: int, left: bool) -> Iterator[Arrival]:
        """How the walk continued from `at` with the instruction idx.

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

    def returned(self, at: Iterable[Position], idx: int, depth: int) -> list[Arrival]:
        """How the walk came from `at` back to a caller, at the instruction idx in the frame number `depth`.

        The run does not tell how: what the walk went through it did not. A way that ends at a checkpoint goes on
        loosely behind it. Nothing where there are too many ways.
        """
        key = frozenset(at), idx, depth
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = self._returned(key[0], idx, depth)
        return found

    def _returned(self, at: frozenset[Position], idx: int, depth: int) -> list[Arrival]:
        todo = [(position, True) for position in at]  # and whether it is in a frame above that of the caller
        seen = set(todo)
        found: dict[Position, Arrival] = {}
        while todo:
            position, above = todo.pop()
            straight = [(arrival, position.loose) for arrival in self._straight(position)]
            for arrival, loose in straight + [(arrival, True) for arrival in self._pruned(position)]:
                step = arrival.position.step
                goes_on = Position(step, loose)
                visited = self.trace.insn_idx(step)
                inside = len(arrival.frames) - 1 > depth
                if not inside and visited == idx and len(arrival.frames) - 1 == depth:
                    found[goes_on] = arrival._replace(position=goes_on)
                    continue
                further = above if inside else visited in self._removed
                if further and (goes_on, inside) not in seen:
                    seen.add((goes_on, inside))
                    todo.append((goes_on, inside))
            if len(seen) > MAX_WAYS:
                return []
        return list(found.values())

    def _forks_itself(self, step: int, insn: Insn) -> bool:
        """maybe_fork_scalars(): from this instruction on there is one path for 0 and one for -1."""
        if insn.code & 7 not in (o.ALU, o.ALU64):
            return False
        return any(self.trace.insn_idx(j) == self.trace.insn_idx(step) for j in self._forks.get(step, ()))

    def _calls(self, step: int) -> bool:
        return self.insns[self.trace.insn_idx(step)].code & 0xF0 in (o.CALL, o.EXIT)

    def state(self, arrival: Arrival) -> tuple[FrameSnapshot, ...]:
        """The state that `shown` and `before` of an arrival refer to; differs from `frames` if no step has those."""
        return self.trace.raw_before(arrival.shown) if arrival.before else self.trace.raw(arrival.shown)

    def _after(self, position: Position) -> Iterator[Arrival]:
        yield from self._straight(position)
        yield from self._pruned(position)

    def _straight(self, position: Position) -> Iterator[Arrival]:
        trace, step = self.trace, position.step
        if step + 1 < len(trace) and trace.path_of(step + 1) == trace.path_of(step):
            yield Arrival(Position(step + 1, position.loose), trace.raw(step), step, False)
        for first in self._forks.get(step, ()):
            yield Arrival(Position(first, position.loose), trace.raw_before(first), first, True)

    def _pruned(self, position: Position) -> Iterator[Arrival]:
        trace, step = self.trace, position.step
        for path, behind in self._covered.get(step, ()):
            # The arriving state must contain the values exactly, the checkpoint loosely.
            goes_on = Position(behind, position.loose)
            if trace.path_by_id(path).last_step < trace.path_by_id(path).first_step:
                jumps = self.insns[trace.insn_idx(step)].code & 7 in (o.JMP, o.JMP32) and not self._calls(step)
                yield Arrival(goes_on, trace.start(path), step if jumps else -1, True)
            else:
                yield Arrival(goes_on, trace.raw(step), step, False)
