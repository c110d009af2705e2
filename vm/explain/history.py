"""How a register or stack slot got the value it has at a step: what wrote it, what that was made of, what narrowed it.

It goes back as the causes of a rejection do (causes.py), but from any step, and through the columns of the trace's
blocks, so that a long way between two events costs nothing. Copies are folded into the last one.
"""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

from vm.explain.causes import branch_text, written
from vm.explain.facts import is_branch
from vm.isa import opcodes as o
from vm.trace.history import Fork, NotHereError, Way
from vm.trace.records import RegView
from vm.trace.snapshots import FrameSnapshot, slot_name, value_at
from vm.trace.stored import StoredTrace, writer_in
from vm.verifier.domain.scalar import same
from vm.verifier.prune.explored import same_head
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

MAX_EVENTS: Final = 24
_MAX_NARROWINGS: Final = 6
"""Of one value: the last ones."""
_MAX_TRIED: Final = 64
"""Changes and forks that are looked at for them."""
_MAX_COPIES: Final = 32
_COPIES: Final = frozenset({"move", "spill", "fill", "argument"})
_Value = RegState | StackSlot | None


class Event(NamedTuple):
    """A step that made a value or told something about it. step and insn_idx are -1 for what was there at the start.

    name -- the register or slot; kind -- as of a Cause in vm/trace/records.py, or "narrowed" where no jump did it
    via  -- copies on the way from the event before it, the nearest first
    was, now -- the value before and after it; was is None where it is not the same value that changed
    """

    step: int
    insn_idx: int
    name: str
    kind: str
    why: str
    via: tuple[str, ...] = ()
    was: RegView | None = None
    now: RegView | None = None


class History(NamedTuple):
    """What a slot holds, and how that came to be.

    value -- None: nothing; writer -- the step that wrote it, -1: it was there at the start
    events -- oldest first; repeated -- earlier rounds of a loop are left out; cut -- the beginning is missing
    """

    name: str
    value: RegView | None
    writer: int
    events: tuple[Event, ...]
    repeated: bool
    cut: bool


class _Want(NamedTuple):
    """A slot whose value is to be explained: as step `at` found it, or with `after` as it left it."""

    at: int
    frame: int
    idx: int
    after: bool = False


def history(trace: StoredTrace, step: int, frame: int, idx: int, *, before: bool = False) -> History:
    """The history of the value that a slot holds after a step, or `before` it.

    NotHereError where the step itself is in no block that is at hand; IndexError where there is no such step.
    """
    found = _Search(trace)
    want = _Want(step, frame, idx, not before)
    snap = found.snap(want)
    value = value_at(snap, frame, idx)
    name = slot_name(frame, idx)
    writer = writer_in(snap, frame, idx)
    found.all(want)
    return History(
        name,
        trace.view(value, snap, name)._replace(written_at=writer) if value is not None else None,
        writer,
        tuple(sorted(dict.fromkeys(found.events), key=lambda event: event.step)[-MAX_EVENTS:]),
        found.repeated,
        found.cut,
    )


class _Search:
    def __init__(self, trace: StoredTrace) -> None:
        self.trace = trace
        self.events: list[Event] = []
        self.repeated = False
        self.cut = False
        self._seen: set[tuple[int, int, int]] = set()  # (instruction, frame, index): one round of a loop tells enough
        self._queue: list[tuple[int, _Want]] = []

    def snap(self, want: _Want) -> tuple[FrameSnapshot, ...]:
        return self.trace.raw(want.at) if want.after else self.trace.raw_before(want.at)

    def all(self, first: _Want) -> None:
        """Fills `events`, nearest steps first, so that what is cut off is what lies far back."""
        heapq.heappush(self._queue, (-first.at, first))
        while self._queue:
            if len(self.events) >= MAX_EVENTS:
                self.cut = True
                return
            try:
                self._one(heapq.heappop(self._queue)[1])
            except NotHereError:
                self.cut = True

    def _one(self, want: _Want) -> None:
        trace, frame, idx = self.trace, want.frame, want.idx
        snap = self.snap(want)
        name, writer = slot_name(frame, idx), writer_in(snap, frame, idx)
        insn_idx = trace.insn_idx(writer) if writer >= 0 else -1
        if (insn_idx, frame, idx) in self._seen:
            self.repeated = self.repeated or writer >= 0
            return
        self._seen.add((insn_idx, frame, idx))
        narrowings = self._narrowings(want, writer)
        self.events += narrowings
        if writer < 0:
            value = value_at(snap, frame, idx)
            why = "there from the start" if value is not None else "never written"
            self.events.append(Event(-1, -1, name, "entry", why, now=self._view(value, snap, name)))
            return
        found = written(trace, writer, frame, idx, words=False)
        parts = [part for part in found.parts if part[1] != o.REG_FP]
        after = trace.raw(writer)
        now = self._view(value_at(after, frame, idx), after, name)
        if now is None:  # what a callback starts with: its call goes on behind the call
            now = narrowings[-1].was if narrowings else self._view(value_at(snap, frame, idx), snap, name)
        why = found.why.rstrip(": ")
        if why == "set to" and now is not None:
            why = f"set to {now.text}"
        via: tuple[str, ...] = ()
        source = writer
        if found.kind in _COPIES and len(parts) == 1:
            via, source, part = self._copies(writer, parts[0])
            parts = [part]
        self.events.append(Event(writer, insn_idx, name, found.kind, why, via, None, now))
        for part in parts:
            heapq.heappush(self._queue, (-source, _Want(source, *part)))

    def _copies(self, at: int, place: tuple[int, int]) -> tuple[tuple[str, ...], int, tuple[int, int]]:
        """(names on the way, step, slot): what copies, before step `at`, a value went through, and where it was."""
        via: list[str] = []
        for _ in range(_MAX_COPIES):
            writer = self.trace.writer_before(at, *place)
            if writer < 0:
                break
            found = written(self.trace, writer, *place, words=False)
            parts = [part for part in found.parts if part[1] != o.REG_FP]
            if found.kind not in _COPIES or len(parts) != 1 or self._narrowings(_Want(at, *place), writer):
                break
            via.append(slot_name(*place))
            at, place = writer, parts[0]
        return tuple(via), at, place

    # -- what narrowed it --------------------------------------------------------

    def _narrowings(self, want: _Want, writer: int) -> list[Event]:
        """The steps behind the writer that told something about the value, the last first."""
        trace, name = self.trace, slot_name(want.frame, want.idx)
        changes, forks, whole = Way(trace, want.at).since(want.frame << 8 | want.idx, writer)
        tried: list[tuple[int, Fork | None]] = [
            (each.step, None) for each in changes if each.writer != each.step and (want.after or each.step < want.at)
        ]
        tried += [(fork.push_step, fork) for fork in forks]
        tried.sort(key=lambda each: each[0], reverse=True)
        self.cut = self.cut or not whole
        found: list[Event] = []
        for step, fork in tried[:_MAX_TRIED]:
            if len(found) >= _MAX_NARROWINGS:
                self.repeated = True
                break
            if fork is not None and not is_branch(trace.insns[trace.insn_idx(step)]):
                continue
            was = trace.raw_before(step)
            now = trace.start(fork.path) if fork is not None else trace.raw(step)
            old, new = value_at(was, want.frame, want.idx), value_at(now, want.frame, want.idx)
            if new is None or old is None or not _told_more(old, new):
                continue
            kind, why = self._told_by(step, fork)
            views = self._view(old, was, name), self._view(new, now, name)
            found.append(Event(step, trace.insn_idx(step), name, kind, why, (), *views))
        return found

    def _told_by(self, step: int, fork: Fork | None) -> tuple[str, str]:
        trace = self.trace
        insn_idx = trace.insn_idx(step)
        if not is_branch(trace.insns[insn_idx]):
            return "narrowed", ""
        following = fork.first_step if fork is not None else step + 1
        if following >= len(trace):
            return "branch", branch_text(trace.insns, insn_idx)
        taken = trace.insn_idx(following) != insn_idx + 1
        return "branch", f"{branch_text(trace.insns, insn_idx)} {'' if taken else 'not '}taken"

    def _view(self, value: _Value, snap: tuple[FrameSnapshot, ...], name: str) -> RegView | None:
        return self.trace.view(value, snap, name) if value is not None else None


def _told_more(old: RegState | StackSlot, new: RegState | StackSlot) -> bool:
    """Whether more is known of a value than which others are the same."""
    if isinstance(old, StackSlot) and isinstance(new, StackSlot):
        if old.slot_type != new.slot_type:
            return True
        old, new = old.spilled_ptr, new.spilled_ptr
    if not isinstance(old, RegState) or not isinstance(new, RegState):
        return True
    return not (same_head(old, new) and same(old.scalar, new.scalar))
