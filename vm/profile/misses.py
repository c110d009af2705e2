"""Failed comparisons of states, grouped by instruction and reason."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.trace import retell
from vm.trace.snapshots import FIRST_SLOT, slot_name, value_at
from vm.verifier.journal import RULE_DONE, WHY_SLOT, Comparison, Missed, Slot, missed_key
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

MAX_MISSES: Final = 64
_SAMPLED: Final = 16
"""Blocks of a long walk in which values are counted where not all comparisons were kept."""


class Miss(NamedTuple):
    """Comparisons at one instruction that failed for the same reason.

    name   -- the register or slot that differed; "" for another reason
    failed -- how many; arrivals -- visits of the instruction at which at least one failed
    values -- number of different values of `name`; 0 without a name
    whole  -- whether arrivals and values include all comparisons: a long walk keeps only the first and last ones
    rule   -- how the states were compared (docs/trace.md, "Pruning")
    text   -- a sentence without a full stop
    needed_by -- the instruction that made `name` precise, -1 if there is none: imprecise numbers match each other with
                 the rule "done"; needed -- why, a sentence without a full stop
    """

    insn_idx: int
    name: str
    failed: int
    arrivals: int
    values: int
    whole: bool
    rule: str
    text: str
    needed_by: int = -1
    needed: str = ""


class _Group:
    """The comparisons with the same key."""

    def __init__(self) -> None:
        self.steps: set[int] = set()
        self.values: set[object] = set()
        self.kept = 0
        self.always = False  # every kept comparison had a new value
        self.precise = False  # the checkpoint's value was precise
        self.example: Comparison | None = None


def misses(trace: Recorder) -> list[Miss]:
    """The reasons why checkpoints did not cover states, most frequent first, at most MAX_MISSES."""
    journal = trace.journal
    counts = Counter(journal.missed_at())
    wanted = dict(counts.most_common(MAX_MISSES))
    groups = {missed_key(key): _Group() for key in wanted}
    for c in journal.misses():
        group = groups.get(Missed(c.insn_idx, c.rule, c.why, c.frame, c.slot))
        if group is None:
            continue
        group.kept += 1
        group.steps.add(c.step)
        group.example = c
        if c.slot >= 0:
            group.values.add(told(c.cur))
            group.values.add(told(c.old))
            reg = c.old.spilled_ptr if isinstance(c.old, StackSlot) else c.old
            group.precise = group.precise or (c.rule == RULE_DONE and reg is not None and reg.precise)
    for group in groups.values():
        group.always = len(group.values) > len(group.steps)
    cut = {missed_key(key): count for key, count in wanted.items() if groups[missed_key(key)].kept < count}
    if cut:
        _sample(trace, {key: groups[key] for key in cut})
    needs = _needs(trace, [key for key, group in groups.items() if group.precise])
    found = []
    for key, count in wanted.items():
        parts = missed_key(key)
        by, why = needs.get(parts, (-1, ""))
        found.append(_miss(trace, parts, count, groups[parts])._replace(needed_by=by, needed=why))
    return found


def _needs(trace: Recorder, keys: list[Missed]) -> dict[Missed, tuple[int, str]]:
    """Why the values of these slots are precise: (instruction, reason) of the most frequent precision mark.

    Marks of the slot itself take precedence over those whose chain contains it.
    """
    by_place: dict[tuple[int, int], list[Missed]] = {}
    for key in keys:
        by_place.setdefault((key.frame, key.slot), []).append(key)
    seen: dict[Missed, Counter[tuple[int, str]]] = {key: Counter() for key in keys}
    for mark in trace.journal.marks() if keys else ():
        if mark.why == "propagated":
            continue  # it repeats another mark
        wanted = dict.fromkeys(_places(mark.frame, mark.regs, mark.slots), 1000)
        for _, frame, regs, slots in trace.journal.chain(mark):
            for place in _places(frame, regs, slots):
                wanted.setdefault(place, 1)
        for place, weight in wanted.items():
            for key in by_place.get(place, ()):
                seen[key][mark.insn_idx, retell.PRECISION_REASONS[mark.why]] += weight
    return {key: counted.most_common(1)[0][0] for key, counted in seen.items() if counted}


def _places(frame: int, regs: int, slots: int) -> list[tuple[int, int]]:
    """(frame, slot) of the bits of two masks."""
    found = [(frame, n) for n in range(FIRST_SLOT) if regs >> n & 1]
    return found + [(frame, FIRST_SLOT + n) for n in range(slots.bit_length()) if slots >> n & 1]


def _sample(trace: Recorder, groups: dict[Missed, _Group]) -> None:
    """More values of the slots that differed, from the states of some blocks spread over the walk."""
    by_insn: dict[int, list[Missed]] = {}
    for key in groups:
        if key.slot >= 0:
            by_insn.setdefault(key.insn_idx, []).append(key)
    for first, insns in trace.some_blocks(_SAMPLED):
        for place, idx in enumerate(insns):
            for key in by_insn.get(idx, ()):
                value = value_at(trace.listed_before(first + place), key.frame, key.slot)
                if value is not None:
                    groups[key].values.add(told(value))


def _miss(trace: Recorder, key: Missed, count: int, group: _Group) -> Miss:
    name = slot_name(key.frame, key.slot) if key.slot >= 0 else ""
    whole = group.kept == count
    values = len(group.values)
    return Miss(
        key.insn_idx, name, count, len(group.steps), values, whole, retell.RULES[key.rule][0],
        _text(trace, key, name, values, group, whole),
    )  # fmt: skip


def _text(trace: Recorder, key: Missed, name: str, values: int, group: _Group, whole: bool) -> str:
    if key.why != WHY_SLOT:
        return retell.WHYS[key.why]
    example = group.example
    if example is not None and (values <= 2 or told(example.old) == told(example.cur)):
        return f"{name}: {retell.difference(trace, example, name)}"
    if not values:
        return f"{name} differs"
    each = ", another one each time" if group.always else ""
    return f"{name}: {'' if whole else 'at least '}{values:,} different values{each}"


def told(value: Slot) -> object:
    """A key that is equal for values that count as the same."""
    if isinstance(value, RegState):
        s = value.scalar
        return (
            value.type, value.off, value.range, value.map_ptr, s.var_off.value, s.var_off.mask, s.smin, s.smax, s.umin,
            s.umax, s.s32_min, s.s32_max, s.u32_min, s.u32_max,
        )  # fmt: skip
    if isinstance(value, StackSlot):
        return tuple(value.slot_type), told(value.spilled_ptr) if value.is_spill() else None
    return None
