"""Sizes and offsets: which bound is there already, which is missing, and where one was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.bits import S64_MIN
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.domain.scalar import U32_MAX, Scalar
from vm.verifier.explain.causes import branch_text
from vm.verifier.explain.facts import Advice, Facts
from vm.verifier.explain.words import bounds, number
from vm.verifier.need import span
from vm.verifier.rules.memory import SIZE_MAY_BE_ZERO
from vm.verifier.snapshots import slot_index
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import SCALAR_VALUE
from vm.verifier.trace import Cause

_COMPUTES: Final = ("arithmetic", "move")

LARGE: Final = 1 << 29
"""BPF_MAX_VAR_SIZ and BPF_MAX_VAR_OFF: numbers from here on are no bound."""


def size(facts: Facts) -> Advice:
    """The size argument of a call."""
    reg = facts.reg
    if reg is None:
        return Advice()
    s, name = reg.scalar, facts.name
    if s.var_off.mask == 0:
        return _known(name, s)
    if facts.rejected.rule is SIZE_MAY_BE_ZERO:
        return _from_one_on(name, s)
    return _bound(facts, s, "len")


def offset(facts: Facts) -> Advice:
    """The variable offset of a pointer."""
    reg = facts.reg
    if reg is None or reg.scalar.var_off.mask == 0:
        return Advice()
    s, memory = reg.scalar, facts.value("memory_size")
    if memory and _usable(s):
        size, most = facts.value("size"), memory - facts.value("size")
        return Advice(
            f"The bounds of {facts.name} allow offsets {span(reg.off + s.umin, reg.off + s.umax)}; {size} of "
            f"{number(memory)} bytes fit {'only ' if most >= 0 else 'not '}at offsets {span(0, max(most, 0))}."
        )
    return _bound(facts, s, "index")


def _from_one_on(name: str, s: Scalar) -> Advice:
    """A size that may be 0 where at least one byte is taken."""
    if s.s32_max < LARGE and s.s32_min < 0 and s.umax >= LARGE:
        return Advice(
            f"The upper bound is there, for a signed number: {name} is at most {number(s.s32_max)} as an int. It may "
            f"be 0 or negative, though, and counts as up to {number(s.umax)} then.",
            "a lower bound of 1: a check `if (len < 1)` first",
        )
    above = "" if s.umax < LARGE else ", and nothing bounds it from above"
    return Advice(f"{name} may be 0, and the call takes at least one byte{above}.")


def _known(name: str, s: Scalar) -> Advice:
    """A constant that is no size: most often a negative one, which is large as the unsigned number it counts as."""
    value = s.smin
    if value < 0:
        return Advice(f"{name} is exactly {number(value)}: no number of bytes.")
    if value > 1 << 31 and value <= U32_MAX:
        signed = value - (1 << 32)
        return Advice(
            f"{name} is {number(signed)} as a signed 32-bit number, and counts as {number(value)}, the unsigned one.",
            "a size that is not negative",
        )
    return Advice(f"{name} is exactly {number(value)}.")


def _bound(facts: Facts, s: Scalar, variable: str) -> Advice:
    """Of a number that is not fixed: the bound that is there, and the one that is not."""
    name = facts.name
    unsigned = (
        f"an unsigned type for it, so that one comparison bounds both ends, or a check `if ({variable} < 0)` first"
    )
    if s.smin < 0 and s.smax < LARGE:
        low = "" if s.smin == S64_MIN else f" (down to {number(s.smin)})"
        return Advice(
            f"The upper bound is there: {name} is at most {number(s.smax)}. The lower one is missing: it is signed "
            f"and may be negative{low}.",
            f"a lower bound of 0: {unsigned}; here it is {span(s.smin, s.smax)}",
        )
    if s.umax <= U32_MAX and s.s32_max < LARGE and s.s32_min < 0 and s.umax >= LARGE:
        return Advice(
            f"The upper bound is there, for a signed number: {name} is at most {number(s.s32_max)} as an int. It may "
            f"be negative, though, and counts as up to {number(s.umax)} then.",
            f"a lower bound of 0: {unsigned}",
        )
    lost = _signed_before(facts, unsigned) or _lost(facts) or _on_a_copy(facts)
    if lost is not None:
        return lost
    if s.smin < 0 and s.umax >= LARGE and s.smax >= LARGE:
        return Advice(f"Nothing on this path bounds {name}, from above or from below.")
    if s.smin < 0:
        return Advice(f"Nothing on this path says that {name} is not negative.")
    return Advice(f"Nothing on this path bounds {name} from above." if s.umax >= LARGE else "")


def _usable(s: Scalar) -> bool:
    return s.smin >= 0 and s.umax < LARGE


def _computed(facts: Facts) -> Iterator[tuple[Cause, Scalar, Scalar]]:
    """The computations that led to the number at fault, the last first: what each had, and what it made of it."""
    recorder = facts.recorder
    for cause in reversed(facts.causes):
        insn = recorder.insns[cause.insn_idx]
        if cause.step < 0 or cause.kind not in _COMPUTES or insn.code & 0x07 not in (o.ALU, o.ALU64):
            continue
        frame, idx = slot_index(cause.name)
        before = (
            facts.reg_before(cause.step, cause.name) if o.op(insn.code) != o.MOV else _source(facts, cause.step, insn)
        )
        after = recorder.raw(cause.step)[frame].regs[idx]
        if before is not None and _is_number(before) and _is_number(after):
            yield cause, before.scalar, after.scalar


def _signed_before(facts: Facts, unsigned: str) -> Advice | None:
    """A value bounded from above as a signed number, before what was computed from it lost that."""
    for cause, before, _ in _computed(facts):
        high = before.smax if before.smax < LARGE else before.s32_max
        negative = before.smin < 0 if before.smax < LARGE else before.s32_min < 0 and before.umax >= LARGE
        if high < LARGE and negative and before.var_off.mask:
            return Advice(
                f"The upper bound is there, for a signed number: at most {number(high)} before "
                f"{facts.where(cause.insn_idx)}. It may be negative, though, and what is computed from it there has no "
                "bound.",
                f"a lower bound of 0: {unsigned}",
            )
    return None


def _lost(facts: Facts) -> Advice | None:
    """The bounded value that the one at fault was computed from, and the instruction that lost the bound."""
    for cause, before, after in _computed(facts):
        if before.var_off.mask and _usable(before) and not _usable(after):
            return Advice(
                f"The bound was there before {facts.where(cause.insn_idx)} ({bounds(before)}); the result of what is "
                f"computed there has none: {bounds(after) or 'nothing is known of it'}.",
                "the comparison after the last computation, of the value that is used",
            )
    return None


def _source(facts: Facts, step: int, insn: Insn) -> RegState | None:
    if o.src(insn.code) != o.X:
        return None
    snap = facts.recorder.raw_before(step)
    return snap[-1].regs[insn.src_reg] if snap else None


def _is_number(reg: RegState) -> bool:
    return reg.type == SCALAR_VALUE


def _on_a_copy(facts: Facts) -> Advice | None:
    """A comparison with a constant of another register that has the same value, or had before it was shortened."""
    frame, idx = slot_index(facts.name)
    if idx > 10:
        return None
    at, recorder = facts.at, facts.recorder
    writer = recorder.writer_before(at, frame, idx)
    if writer >= 0:
        insn = recorder.insns[recorder.insn_idx(writer)]
        reg = facts.reg
        if reg is not None and not _is_number(reg) and insn.code == o.ALU64 | o.ADD | o.X and insn.dst_reg == idx:
            # A pointer: what was added to it is what a comparison has to bound.
            at = writer
            idx = insn.dst_reg if _is_number(recorder.raw_before(at)[frame].regs[idx]) else insn.src_reg
    origin = facts.origin(at, frame, idx)
    if origin < 0:
        return None
    for branch in facts.branches():
        if branch.step < origin:
            break
        other = branch.insn.dst_reg
        here = len(branch.before) - 1
        if o.src(branch.insn.code) == o.X or here != frame:
            continue
        was = branch.before[here].regs[other]
        if not _is_number(was) or facts.origin(branch.step, here, other) != origin:
            continue
        if other == idx:
            continue  # of the value itself, or of what it was before: no copy
        text = branch_text(facts.recorder.insns, branch.insn_idx)
        return Advice(
            f"The comparison in {facts.where(branch.insn_idx)} ({text}) is of a copy: what it says of r{other} does "
            f"not carry over to r{idx}.",
            "the comparison of the variable that is used, in the width in which it is used",
        )
    return None
