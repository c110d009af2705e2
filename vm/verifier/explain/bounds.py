"""Sizes and offsets: which bound is there already, which is missing, and where one was lost."""

from __future__ import annotations

from typing import Final

from vm.bits import S64_MIN
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.domain.scalar import U32_MAX, Scalar
from vm.verifier.explain.causes import branch_text
from vm.verifier.explain.facts import Advice, Facts
from vm.verifier.explain.words import bounds, number
from vm.verifier.need import span
from vm.verifier.snapshots import slot_index
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import SCALAR_VALUE

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
    if facts.rejected.rule.name == "size-may-be-zero":
        return Advice(f"{name} may be 0, and the call takes at least one byte.")
    return _bound(facts, s, "size", "len")


def offset(facts: Facts) -> Advice:
    """The variable offset of a pointer."""
    reg = facts.reg
    if reg is None or reg.scalar.var_off.mask == 0:
        return Advice()
    return _bound(facts, reg.scalar, "offset", "index")


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


def _bound(facts: Facts, s: Scalar, what: str, variable: str) -> Advice:
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
    lost = _lost(facts) or _on_a_copy(facts)
    if lost is not None:
        return lost
    if s.smin < 0 and s.umax >= LARGE and s.smax >= LARGE:
        return Advice(f"Nothing on this path bounds {name}, from above or from below.")
    if s.smin < 0:
        return Advice(f"Nothing on this path says that {name} is not negative.")
    return Advice(f"Nothing on this path bounds {name} from above." if s.umax >= LARGE else "")


def _usable(s: Scalar) -> bool:
    return s.smin >= 0 and s.umax < LARGE


def _lost(facts: Facts) -> Advice | None:
    """The bounded value that the one at fault was computed from, and the instruction that lost the bound."""
    recorder = facts.recorder
    made = ("arithmetic", "move", "fill", "spill", "argument")
    for cause in reversed(facts.causes):
        if cause.kind not in made or cause.step < 0:
            continue
        insn = recorder.insns[cause.insn_idx]
        frame, idx = slot_index(cause.name)
        if insn.code & 0x07 not in (o.ALU, o.ALU64) or idx > 10:
            continue
        before = (
            facts.reg_before(cause.step, cause.name) if o.op(insn.code) != o.MOV else _source(facts, cause.step, insn)
        )
        after = recorder.raw(cause.step)[frame].regs[idx]
        if before is None or not _is_number(before) or not _is_number(after):
            continue
        if _usable(before.scalar) and before.scalar.umax and not _usable(after.scalar) and before.scalar.var_off.mask:
            there = facts.where(cause.insn_idx)
            return Advice(
                f"The bound was there before {there} ({bounds(before.scalar)}); the result of what is computed there "
                f"has none: {bounds(after.scalar) or 'nothing is known of it'}.",
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
        if other == idx and recorder.writer_before(branch.step, here, other) == recorder.writer_before(at, frame, idx):
            continue
        text = branch_text(facts.recorder.insns, branch.insn_idx)
        return Advice(
            f"The comparison in {facts.where(branch.insn_idx)} ({text}) is of a copy: what it says of r{other} does "
            f"not carry over to r{idx}.",
            "the comparison of the variable that is used, in the width in which it is used",
        )
    return None
