"""Which values are the same, or made from the same: back through copies, spills, calls and arithmetic.

A value is named by the step that wrote it and the slot it was written to. A branch that narrows it leaves it the same
value.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from vm.explain.causes import written
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.namedtuples import NamedTuple
from vm.trace.recorder import Recorder

_MAX_VALUES: Final = 64
_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_COPIES: Final = frozenset({"move", "spill", "fill", "argument", "call"})


class How(IntEnum):
    """How far a value is from the one it was made from, the nearest first."""

    SAME = 0
    """A copy of all its bits."""
    SHORTENED = 1
    """Its lower bits, extended by zeros."""
    SIGNED = 2
    """Its lower bits, extended by their sign."""
    COMPUTED = 3
    """Computed from it and constants."""
    MIXED = 4
    """Computed from it and other unknown values."""


class Value(NamedTuple):
    """The value that `step` wrote to a slot; -1: it was there at the start."""

    step: int
    frame: int
    idx: int


class Read(NamedTuple):
    """What a load read: the value of the pointer, the offset and size; equal reads are of the same memory."""

    base: Value
    off: int
    size: int


def value_before(recorder: Recorder, step: int, frame: int, idx: int) -> Value:
    """The value that a slot held before `step`."""
    return Value(recorder.writer_before(step, frame, idx), frame, idx)


def ancestors(recorder: Recorder, value: Value) -> dict[Value, How]:
    """The values that one was made from, itself first: nearest first, as many as are looked at."""
    found: dict[Value, How] = {}
    todo = [(How.SAME, value)]
    while todo and len(found) < _MAX_VALUES:
        todo.sort(key=lambda each: (-each[0], each[1].step))
        how, one = todo.pop()
        if one in found:
            continue
        found[one] = how
        if one.step >= 0:
            todo += [(max(how, step), parent) for step, parent in parents(recorder, one)]
    return found


def parents(recorder: Recorder, value: Value) -> list[tuple[How, Value]]:
    """What the step that wrote a value made it from."""
    made = written(recorder, value.step, value.frame, value.idx, words=False)
    values = [value_before(recorder, value.step, frame, idx) for frame, idx in made.parts if idx != o.REG_FP]
    insn = recorder.insns[recorder.insn_idx(value.step)]
    if made.kind in _COPIES:
        return [(_copied(recorder, value, made.kind), parent) for parent in values]
    if made.kind == "arithmetic":
        if insn.code & 0x07 not in (o.ALU, o.ALU64):
            return [(How.MIXED, parent) for parent in values]
        how = How.COMPUTED if len(values) == 1 else How.MIXED
        if len(values) == 1 and o.src(insn.code) == o.K:
            return [_of_constant(recorder, insn, values[0])]
        return [(how, parent) for parent in values]
    return []


_LOW_BITS: Final = frozenset({0xFF, 0xFFFF})
_SHIFTS: Final = {o.RSH: How.SHORTENED, o.ARSH: How.SIGNED}


def _of_constant(recorder: Recorder, insn: Insn, parent: Value) -> tuple[How, Value]:
    """What the result of an operation with a constant was made from, and how far it is from that.

    A mask of the lower bits shortens; so does a shift to the left and back again, which is what compilers make of a
    conversion before -mcpu=v3.
    """
    operation = o.op(insn.code)
    if operation == o.AND and insn.imm in _LOW_BITS:
        return How.SHORTENED, parent
    if operation in _SHIFTS and parent.step >= 0:
        made = recorder.insns[recorder.insn_idx(parent.step)]
        if made.code & ~0xF0 == insn.code & ~0xF0 and o.op(made.code) == o.LSH and made.imm == insn.imm:
            return _SHIFTS[operation], value_before(recorder, parent.step, parent.frame, parent.idx)
    return How.COMPUTED, parent


def _copied(recorder: Recorder, value: Value, kind: str) -> How:
    insn = recorder.insns[recorder.insn_idx(value.step)]
    if kind == "move":
        if insn.off:
            return How.SIGNED
        return How.SHORTENED if insn.code & 0x07 == o.ALU else How.SAME
    if kind == "spill":
        return How.SAME if _SIZES.get(insn.code & 0x18, 8) == 8 else How.SHORTENED
    if kind == "fill":
        if o.mode(insn.code) == o.MEMSX:
            return How.SIGNED
        return How.SAME if _SIZES.get(insn.code & 0x18, 8) == 8 else How.SHORTENED
    return How.SAME


def origin(recorder: Recorder, value: Value) -> Value:
    """The value that `value` is a whole copy of, back to where it was made."""
    for _ in range(_MAX_VALUES):
        if value.step < 0:
            return value
        same = [parent for how, parent in parents(recorder, value) if how is How.SAME]
        if len(same) != 1:
            return value
        value = same[0]
    return value


def read_of(recorder: Recorder, value: Value) -> Read | None:
    """What a value was loaded from, None if it was not loaded from memory outside the stack."""
    if value.step < 0 or value.idx > o.REG_FP:
        return None
    insn = recorder.insns[recorder.insn_idx(value.step)]
    if insn.code & 0x07 != o.LDX or insn.dst_reg != value.idx or insn.src_reg == o.REG_FP:
        return None
    base, off = value_before(recorder, value.step, value.frame, insn.src_reg), insn.off
    # Back through copies and constants that were added to the pointer.
    for _ in range(_MAX_VALUES):
        base = origin(recorder, base)
        if base.step < 0:
            break
        made = recorder.insns[recorder.insn_idx(base.step)]
        if made.code != o.ALU64 | o.ADD | o.K or made.dst_reg != base.idx:
            break
        off += made.imm
        base = value_before(recorder, base.step, base.frame, base.idx)
    return Read(base, off, _SIZES.get(insn.code & 0x18, 8))


def parts_of(recorder: Recorder, pointer: Value) -> tuple[Value, ...]:
    """What a pointer is the sum of: where its base was made and the unknown numbers that were added, in order.

    Constants are left out. () where the sum has more parts than are looked at.
    """
    found: list[Value] = []
    todo = [pointer]
    for _ in range(_MAX_VALUES):
        if not todo:
            return tuple(sorted(found))
        value = origin(recorder, todo.pop())
        if value.step < 0:
            found.append(value)
            continue
        insn = recorder.insns[recorder.insn_idx(value.step)]
        adds = insn.code & ~o.X == o.ALU64 | o.ADD
        above = parents(recorder, value) if adds else []
        if above:
            todo += [parent for _, parent in above]
        else:
            found.append(value)
    return ()


def wide_origin(recorder: Recorder, value: Value) -> Value:
    """origin(), also through copies of the lower bits and computations with constants."""
    for _ in range(_MAX_VALUES):
        value = origin(recorder, value)
        above = parents(recorder, value) if value.step >= 0 else []
        if len(above) != 1 or above[0][0] is How.MIXED:
            return value
        value = above[0][1]
    return value
