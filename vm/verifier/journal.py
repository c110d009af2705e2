"""Records of the walk besides its steps: comparisons with checkpoints, precision, and reads of stack slots.

Entries consist of numbers and shared values; vm/trace/retell.py converts them to the types of vm/trace/records.py on
request. Of a long walk, the first and the last entries are kept, so that memory is bounded.
"""

from __future__ import annotations

from typing import Final, final

from vm.namedtuples import NamedTuple
from vm.native import i64
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

KEEP_COMPARISONS: Final = 5_000
KEEP_MARKS: Final = 4_000
MAX_CHAIN: Final = 128
GAVE_UP: Final = 0xFFFFFFFF  # an insn_idx in a chain: all scalars became precise

# How a checkpoint was compared (is_state_visited()); keys of RULES in retell.py.
RULE_DONE: Final = 0
RULE_OPEN_LOOP: Final = 1
RULE_ITER: Final = 2
RULE_MAY_GOTO: Final = 3
RULE_CALLBACK: Final = 4
RULE_ENDLESS: Final = 5
RULE_ASYNC: Final = 6

# Why a checkpoint did not cover the state, if not because of a register or slot.
WHY_SLOT: Final = 0
WHY_FRAMES: Final = 1
WHY_SPECULATIVE: Final = 2
WHY_LOCK: Final = 3
WHY_RCU: Final = 4
WHY_PREEMPT: Final = 5
WHY_SLEEPABLE: Final = 6
WHY_CALLSITE: Final = 7
WHY_CALLBACK_DEPTH: Final = 8
WHY_REFS: Final = 9
WHY_ITER_DRAINED: Final = 10
WHY_DEPTHS: Final = 11
WHY_ASYNC_ROUND: Final = 12

Slot = RegState | StackSlot | None
NO_SLOTS: Final[list[Slot]] = []


class Missed(NamedTuple):
    """The parts of a key of Journal.missed_at: where comparisons failed and why; the fields are Comparison's."""

    insn_idx: int
    rule: int
    why: int
    frame: int
    slot: int


def missed_key(key: int) -> Missed:
    """The parts of a key of Journal.missed_at."""
    slot, frame = key & 0xFF, key >> 8 & 0xFF
    return Missed(
        key >> 24, key >> 20 & 0xF, key >> 16 & 0xF, -1 if frame == 0xFF else frame, -1 if slot == 0xFF else slot
    )


@final
class _Tally:
    """Number of failed comparisons at an instruction with the same rule, why, frame and slot; see Comparison."""

    __slots__ = ("rule", "why", "frame", "slot", "count")

    def __init__(self, rule: i64, why: i64, frame: i64, slot: i64) -> None:
        self.rule: i64 = rule
        self.why: i64 = why
        self.frame: i64 = frame
        self.slot: i64 = slot
        self.count: i64 = 0


_NO_TALLY: Final = _Tally(-1, -1, -1, -1)


@final
class Comparison:
    """A comparison of the state at insn_idx with one checkpoint. step: number of the visit, also if it was pruned.

    slot: 0-10 a register, 11 + spi a stack slot, -1 none; old and cur are its two values.
    Where the checkpoint covered: places (frame << 8 | slot) that were compared, the checkpoint's values and those of
    the state, and the stack slot below each (shorter; None where it does not matter): it holds what the kernel prints
    of a dynptr.
    """

    __slots__ = (
        "step", "path", "insn_idx", "checkpoint", "rule", "covered", "why", "frame", "slot", "old", "cur", "places",
        "values", "arrived", "below",
    )  # fmt: skip

    def __init__(self) -> None:
        self.step: i64 = 0
        self.path: i64 = 0
        self.insn_idx: i64 = 0
        self.checkpoint: i64 = 0
        self.rule: i64 = 0
        self.covered: bool = False
        self.why: i64 = 0
        self.frame: i64 = -1
        self.slot: i64 = -1
        self.old: Slot = None
        self.cur: Slot = None
        self.places: list[int] = _NO_PLACES
        self.values: list[Slot] = NO_SLOTS
        self.arrived: list[Slot] = NO_SLOTS
        self.below: list[Slot] = NO_SLOTS


_NO_PLACES: Final[list[int]] = []


@final
class Mark:
    """One call of mark_chain_precision(). Journal.chain() returns its chain: `links` entries from `begin` on."""

    __slots__ = ("step", "path", "insn_idx", "frame", "regs", "slots", "why", "late", "begin", "links")

    def __init__(self) -> None:
        self.step: i64 = 0
        self.path: i64 = 0
        self.insn_idx: i64 = 0
        self.frame: i64 = 0
        self.regs: i64 = 0
        self.slots: int = 0  # a mask of 64 bits
        self.why: str = ""
        self.late: bool = False  # one of last_marks
        self.begin: i64 = 0
        self.links: i64 = 0


@final
class Link:
    """One link of a chain: these registers and slots of `frame` must be precise after instruction insn_idx."""

    __slots__ = ("insn_idx", "frame", "regs", "slots")

    def __init__(self, insn_idx: i64, frame: i64, regs: i64, slots: int) -> None:
        self.insn_idx: i64 = insn_idx
        self.frame: i64 = frame
        self.regs: i64 = regs
        self.slots: int = slots  # a mask of 64 bits


_NO_LINK: Final = Link(-1, -1, 0, 0)
NO_LINKS: Final[list[Link]] = []


@final
class _Kept:
    """The first `keep` and the last `keep` comparisons. left_out: number of dropped ones."""

    __slots__ = ("keep", "first", "last", "oldest", "left_out")

    def __init__(self, keep: int) -> None:
        self.keep: i64 = keep
        self.first: list[Comparison] = []
        self.last: list[Comparison] = []  # once it is full, the oldest is at `oldest` and is replaced next
        self.oldest: i64 = 0
        self.left_out: i64 = 0

    def add(self, c: Comparison) -> Comparison:
        """Keeps `c`, and returns an object for the next comparison: a new one, or the dropped one."""
        last = self.last
        if len(last) == self.keep:
            at = self.oldest
            out = last[at]
            last[at] = c
            at += 1
            if at == self.keep:
                at = 0
            self.oldest = at
            self.left_out += 1
            return out
        if len(self.first) < self.keep:
            self.first.append(c)
        else:
            last.append(c)
        return Comparison()

    def all(self) -> list[Comparison]:
        """In the order in which they were added."""
        return self.first + self.last[self.oldest :] + self.last[: self.oldest]


@final
class Journal:
    """The first and the last entries of each kind; dropped ones are counted.

    In a long walk most entries are dropped, so their objects are reused instead of making new ones.
    """

    def __init__(self, keep_comparisons: int = KEEP_COMPARISONS, keep_marks: int = KEEP_MARKS) -> None:
        self._keep_marks: int = keep_marks
        self._misses: _Kept = _Kept(keep_comparisons)
        self._hits: _Kept = _Kept(keep_comparisons)
        # Objects for the next comparison: first the difference is stored, then the other fields.
        self._miss: Comparison = Comparison()
        self._hit: Comparison = Comparison()
        self.first_marks: list[Mark] = []
        self.last_marks: list[Mark] = []
        self.marks_left_out: int = 0
        self._spare_marks: list[Mark] = []
        # Reads of stack slots since take_reads(): the steps, and frame << 8 | spi.
        self._read_steps: list[int] = []
        self._read_slots: list[int] = []
        self._read_step: int = -1
        self._read_slot: int = -1
        # A profile counts over the whole walk: checkpoints by instruction, and failed comparisons by instruction and
        # reason (see missed_key()). At most instructions all comparisons fail for the same reason: _last_tally has the
        # last one of each instruction, so that no key is computed.
        self._stored: list[int] = []
        self._tallies: dict[int, _Tally] = {}
        self._last_tally: list[_Tally] = []
        # Links of the chains of first_marks and last_marks; Mark.begin counts those of the latter that were dropped.
        # A loop makes the same links repeatedly: the last link of each instruction is reused.
        self._first_links: list[Link] = []
        self._last_links: list[Link] = []
        self._made: list[Link] = []
        self._dropped_links: int = 0
        # The last mark, and the list to which its links are added; their number is stored when the mark is read or
        # the next one follows.
        self._open_mark: Mark = Mark()
        self.links: list[Link] = []
        self._open_begin: int = 0

    @property
    def comparisons_left_out(self) -> int:
        """Number of dropped failed comparisons."""
        return self._misses.left_out

    @property
    def hits_left_out(self) -> int:
        return self._hits.left_out

    def differs(self, why: int) -> None:
        """The states differ in something other than a register or slot."""
        c = self._miss
        c.why = why
        c.frame = c.slot = -1
        c.old = c.cur = None

    def differs_in(self, frame: i64, slot: i64, old: Slot, cur: Slot) -> None:
        """The states differ in this register or slot."""
        c = self._miss
        c.why = WHY_SLOT
        c.frame = frame
        c.slot = slot
        c.old = old
        c.cur = cur

    def slot_read(self, step: int, frame: int, spi: int) -> None:
        """Step `step` reads (a part of) a stack slot."""
        slot = frame << 8 | spi
        if self._read_step == step and self._read_slot == slot:
            return  # the bytes of a slot are read one after the other
        self._read_step = step
        self._read_slot = slot
        self._read_steps.append(step)
        self._read_slots.append(slot)

    def take_reads(self) -> tuple[list[int], list[int]]:
        """(steps, frame << 8 | spi) of the stack slots that were read since the last call, in order."""
        found = self._read_steps, self._read_slots
        self._read_steps = []
        self._read_slots = []
        return found

    def stored(self, insn_idx: int) -> None:
        """The state before insn_idx became a checkpoint."""
        counts = self._stored
        if insn_idx >= len(counts):
            counts.extend([0] * (insn_idx + 1 - len(counts)))
        counts[insn_idx] = counts[insn_idx] + 1

    def missed(self, step: i64, path: i64, insn_idx: i64, checkpoint: i64, rule: i64) -> None:
        """A checkpoint did not cover the state; differs() or differs_in() was called before."""
        c = self._miss
        c.step = step
        c.path = path
        c.insn_idx = insn_idx
        c.checkpoint = checkpoint
        c.rule = rule
        last = self._last_tally
        if insn_idx >= len(last):
            last.extend([_NO_TALLY] * (insn_idx + 1 - len(last)))
        tally = last[insn_idx]
        if tally.slot != c.slot or tally.frame != c.frame or tally.rule != rule or tally.why != c.why:
            tally = last[insn_idx] = self._tally(c)
        tally.count += 1
        self._miss = self._misses.add(c)

    def _tally(self, c: Comparison) -> _Tally:
        key = c.insn_idx << 24 | c.rule << 20 | c.why << 16 | (c.frame & 0xFF) << 8 | c.slot & 0xFF
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = _Tally(c.rule, c.why, c.frame, c.slot)
        return found

    def hit(
        self,
        step: int,
        path: int,
        insn_idx: int,
        checkpoint: int,
        rule: int,
        places: list[int],
        values: list[Slot],
        arrived: list[Slot],
        below: list[Slot],
    ) -> None:
        """A checkpoint covered the state; the lists are those of Comparison."""
        c = self._hit
        c.step = step
        c.path = path
        c.insn_idx = insn_idx
        c.checkpoint = checkpoint
        c.rule = rule
        c.covered = True
        c.places = places
        c.values = values
        c.arrived = arrived
        c.below = below
        self._hit = self._hits.add(c)

    def mark(self, step: int, path: int, insn_idx: int, frame: int, regs: int, slots: int, why: str) -> None:
        """mark_chain_precision() starts. Its caller adds the links of its chain to `links`, at most room()."""
        self._count_links()
        if len(self.first_marks) < self._keep_marks:
            kept = self.first_marks
            links = self._first_links
            dropped = 0
        else:
            kept = self.last_marks
            links = self._last_links
            if len(kept) >= 2 * self._keep_marks:
                self.marks_left_out += self._keep_marks
                self._spare_marks += kept[: self._keep_marks]
                del kept[: self._keep_marks]
                cut = kept[0].begin - self._dropped_links
                self._dropped_links += cut
                del links[:cut]
            dropped = self._dropped_links
        m = self._spare_marks.pop() if self._spare_marks else Mark()
        m.step = step
        m.path = path
        m.insn_idx = insn_idx
        m.frame = frame
        m.regs = regs
        m.slots = slots
        m.why = why
        m.late = links is self._last_links
        m.begin = dropped + len(links)
        m.links = 0
        kept.append(m)
        self._open_mark = m
        self.links = links
        self._open_begin = len(links)

    def _count_links(self) -> None:
        self._open_mark.links = len(self.links) - self._open_begin

    def room(self) -> int:
        """The number of links that may still be added to the chain of the last mark."""
        return MAX_CHAIN - (len(self.links) - self._open_begin)

    def made_links(self, insn_cnt: int) -> list[Link]:
        """The last link of each of the program's instructions, to be used again by a chain that has the same one."""
        if not self._made:
            self._made += [_NO_LINK] * insn_cnt
        return self._made

    def gave_up(self) -> None:
        """Backtracking failed: all scalars become precise. The last link of the chain says so."""
        if self.room() > 0:
            self.links.append(Link(GAVE_UP, 0, 0, 0))

    def chain(self, mark: Mark) -> list[tuple[int, int, int, int]]:
        """The chain of a mark: (insn_idx, frame, registers, slots), the last two as masks."""
        self._count_links()
        links = self._last_links if mark.late else self._first_links
        begin = mark.begin - (self._dropped_links if mark.late else 0)
        return [(each.insn_idx, each.frame, each.regs, each.slots) for each in links[begin : begin + mark.links]]

    def stored_at(self) -> dict[int, int]:
        """How many states became checkpoints, by instruction."""
        return {idx: count for idx, count in enumerate(self._stored) if count}

    def missed_at(self) -> dict[int, int]:
        """How many comparisons failed, by instruction and reason: missed_key() reads the keys."""
        return {key: tally.count for key, tally in self._tallies.items()}

    def misses(self) -> list[Comparison]:
        return self._misses.all()

    def hits(self) -> list[Comparison]:
        return self._hits.all()

    def marks(self) -> list[Mark]:
        self._count_links()
        return self.first_marks + self.last_marks
