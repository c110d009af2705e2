"""Sizes and offsets: which bound is there already, which is missing, and where one was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.bits import S64_MIN
from vm.explain.callers import checked_by_a_caller
from vm.explain.causes import branch_text
from vm.explain.facts import Advice, Branch, Facts
from vm.explain.lineage import Value, ancestors, origin, value_before, wide_origin
from vm.explain.related import (
    ORDERS,
    argument,
    compiled,
    is_unknown,
    loop_bound,
    lost_in_memory,
    narrowed_at,
    number_at_fault,
    origin_of,
    read_back,
    related_check,
    signed_at,
    signed_kind,
    size_at_fault,
    too_wide,
)
from vm.explain.source_bounds import cast_bound, other_check, source_of_bound, wrong_bound
from vm.explain.words import bounds, number
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.trace.records import Cause
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import slot_index
from vm.verifier.domain.scalar import U32_MAX, U64_MAX, Scalar
from vm.verifier.report.need import span
from vm.verifier.rules.memory import SIZE_MAY_BE_ZERO
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import SCALAR_VALUE

_OF_TYPES: Final = frozenset({0x7F, 0xFF, 0x7FFF, 0xFFFF})  # upper bounds that a load of one or two bytes gives
_COMPUTES: Final = ("arithmetic", "move")
_ACCESSES: Final = (o.LDX, o.ST, o.STX)

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
        return _from_one_on(facts, s)
    return _bound(facts, s, "len")


def offset(facts: Facts) -> Advice:
    """The variable offset of a pointer."""
    reg = facts.reg
    if reg is None:
        return Advice()
    s, memory = reg.scalar, facts.value("memory_size")
    if s.var_off.mask == 0:
        fixed = facts.insn.off if facts.insn.code & 0x07 in _ACCESSES else 0
        words, first = facts.size_words, reg.off + s.smin + fixed
        fits = 0 <= first <= memory
        said = f"{words}; the memory has {memory - first:,} bytes from there on." if memory and words and fits else ""
        if not said and memory:
            said = f"The access takes {facts.value('size'):,} bytes at offset {first:,} of {memory:,}."
        if size_at_fault(facts):
            return too_wide(facts, said)
        clamp = source_of_bound(facts, argument(facts))
        if clamp is not None:
            return Advice(said, "", CauseKind.CHECK_TOO_WEAK, check=clamp)
        return loop_bound(facts, said) or Advice(said, kind=CauseKind.WRONG_SIZE)
    if memory and _usable(s):
        size, most = facts.value("size"), memory - facts.value("size")
        fixed = reg.off + (facts.insn.off if facts.insn.code & 0x07 in _ACCESSES else 0)
        with_insn = f" with the {facts.insn.off:+d} of the instruction" if fixed != reg.off else ""
        said = (
            f"The bounds of {facts.name} allow offsets {span(fixed + s.umin, fixed + s.umax)}{with_insn}; {size} of "
            f"{number(memory)} bytes fit {'only ' if most >= 0 else 'not '}at offsets {span(0, max(most, 0))}."
        )
        return _not_related(facts, said) or too_wide(facts, said)
    return _bound(facts, s, "index")


def _not_related(facts: Facts, said: str) -> Advice | None:
    """An offset and a size that are computed from one number, which the verifier takes for any two numbers."""
    before, number_ = facts.recorder.raw_before(facts.at), number_at_fault(facts)
    also = facts.rejected.also
    if also < 0 or number_ is None or not before or not before[-1].regs[also].scalar.var_off.mask:
        return None
    recorder, frame = facts.recorder, len(before) - 1
    size = value_before(recorder, facts.at, frame, also)
    theirs = ancestors(recorder, size)
    shared = [each for each in ancestors(recorder, number_) if each in theirs and is_unknown(facts, each)]
    computed = [
        value.step
        for value in theirs
        if value.step >= 0 and o.op(recorder.insns[recorder.insn_idx(value.step)].code) == o.SUB
        and recorder.insns[recorder.insn_idx(value.step)].code & 0x07 in (o.ALU, o.ALU64)
    ]  # fmt: skip
    if not shared or not computed:
        return None
    return Advice(
        f"{said} The size in r{also} and the offset are computed from the same number, but the verifier knows a "
        "range of each and not how they depend on each other.",
        "a size and an offset that fit whatever the other is: each with a limit of its own, or more memory",
        CauseKind.LOST_IN_ARITHMETIC,
        max(computed),
    )


def _from_one_on(facts: Facts, s: Scalar) -> Advice:
    """A size that may be 0 where at least one byte is taken."""
    name = facts.name
    if s.s32_max < LARGE and s.s32_min < 0 and s.umax >= LARGE:
        return Advice(
            f"The upper bound is there, for a signed number: {name} is at most {number(s.s32_max)} as an int. It may "
            f"be 0 or negative, though, and counts as up to {number(s.umax)} then.",
            "a lower bound of 1: a check `if (len < 1)` first",
            signed_kind(facts),
            signed_at(facts),
            source_of_bound(facts, argument(facts)),
        )
    if s.umax < LARGE:
        return too_wide(facts, f"{name} may be 0, and the call takes at least one byte.")
    said = f"{name} may be 0, and the call takes at least one byte, and nothing bounds it from above."
    found = _bound(facts, s, "len")
    return found._replace(what=said if found.kind is CauseKind.MISSING_CHECK else f"{said} {found.what}")


def _known(name: str, s: Scalar) -> Advice:
    """A constant that is no size: most often a negative one, which is large as the unsigned number it counts as."""
    value = s.smin
    if value < 0:
        return Advice(f"{name} is exactly {number(value)}: no number of bytes.", kind=CauseKind.WRONG_SIZE)
    if value > 1 << 31 and value <= U32_MAX:
        signed = value - (1 << 32)
        return Advice(
            f"{name} is {number(signed)} as a signed 32-bit number, and counts as {number(value)}, the unsigned one.",
            "a size that is not negative",
            CauseKind.WRONG_SIZE,
        )
    return Advice(f"{name} is exactly {number(value)}.", kind=CauseKind.WRONG_SIZE)


def _bound(facts: Facts, s: Scalar, variable: str) -> Advice:
    """Of a number that is not fixed: the bound that is there, and the one that is not."""
    name = facts.name if facts.reg is not None and _is_number(facts.reg) else f"the variable offset of {facts.name}"
    unsigned = (
        f"an unsigned type for it, so that one comparison bounds both ends, or a check `if ({variable} < 0)` first"
    )
    if s.smin < 0 and s.smax < LARGE:
        below = _went_below_zero(facts)
        if below is not None:
            return below
        low = "" if s.smin == S64_MIN else f" (down to {number(s.smin)})"
        return Advice(
            f"The upper bound is there: {name} is at most {number(s.smax)}. The lower one is missing: it is signed "
            f"and may be negative{low}.",
            f"a lower bound of 0: {unsigned}; here it is {span(s.smin, s.smax)}",
            signed_kind(facts),
            signed_at(facts),
            source_of_bound(facts, argument(facts)),
        )
    if s.umax <= U32_MAX and s.s32_max < LARGE and s.s32_min < 0 and s.umax >= LARGE:
        return Advice(
            f"The upper bound is there, for a signed number: {name} is at most {number(s.s32_max)} as an int. It may "
            f"be negative, though, and counts as up to {number(s.umax)} then.",
            f"a lower bound of 0: {unsigned}",
            signed_kind(facts),
            signed_at(facts),
            source_of_bound(facts, argument(facts)),
        )
    which = argument(facts)
    lost = (
        wrong_bound(facts, which)
        or _compared_otherwise(facts)
        or cast_bound(facts, which)
        or _signed_before(facts, unsigned)
        or compiled(facts)
        or lost_in_memory(facts)
        or read_back(facts)
        or _lost(facts)
        or _lower_half(facts, s, name, variable)
        or related_check(facts)
        or _on_a_copy(facts)
        or _of_a_global_function(facts)
        or _argument_of_a_global_function(facts)
        or other_check(facts, which)
    )
    if lost is not None:
        return lost
    missing = CauseKind.MISSING_CHECK
    if s.smin < 0 and s.umax >= LARGE and s.smax >= LARGE:
        return Advice(f"Nothing on this path bounds {name}, from above or from below.", kind=missing)
    if s.smin < 0:
        return Advice(f"Nothing on this path says that {name} is not negative.", kind=missing)
    return Advice(f"Nothing on this path bounds {name} from above." if s.umax >= LARGE else "", kind=missing)


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
                signed_kind(facts),
                signed_at(facts),
                source_of_bound(facts, argument(facts)),
            )
    return None


def _lost(facts: Facts) -> Advice | None:
    """The bounded value that the one at fault was computed from, and the instruction that lost the bound."""
    for cause, before, after in _computed(facts):
        bounded = before.var_off.mask and _usable(before) and before.umax not in _OF_TYPES
        if bounded and not _usable(after):
            return Advice(
                f"The bound was there before {facts.where(cause.insn_idx)} ({bounds(before)}); the result of what is "
                f"computed there has none: {bounds(after) or 'nothing is known of it'}.",
                "the comparison after the last computation, of the value that is used",
                CauseKind.LOST_IN_ARITHMETIC,
                cause.step,
            )
    return None


def _went_below_zero(facts: Facts) -> Advice | None:
    """A number that was not negative before a subtraction made one of it that may be."""
    for cause, before, after in _computed(facts):
        insn = facts.recorder.insns[cause.insn_idx]
        subtracts = o.op(insn.code) == o.SUB or (o.op(insn.code) == o.ADD and o.src(insn.code) == o.K and insn.imm < 0)
        if subtracts and before.smin >= 0 and after.smin < 0:
            return Advice(
                f"The upper bound is there, the lower one is not: the subtraction in {facts.where(cause.insn_idx)} "
                f"takes from a number that is not negative, and its result may be as low as {number(after.smin)}.",
                "a comparison of the two numbers before the subtraction, so that no more is taken away than there is; "
                "an unsigned type does not help, for the result would be a large number then",
                CauseKind.LOST_IN_ARITHMETIC,
                cause.step,
            )
        if before.smin < 0:
            break
    return None


def _lower_half(facts: Facts, s: Scalar, name: str, variable: str) -> Advice | None:
    """A number of 64 bits of which only the lower 32 were compared."""
    if s.umax <= U32_MAX or s.s32_max >= LARGE:
        return None
    sign = "" if s.s32_min >= 0 else ", as a signed number"
    known = f"at most {number(s.s32_max)}{sign}"
    return Advice(
        f"Only the lower 32 bits of {name} are bounded ({known}); the upper 32 bits are not, and all 64 are used here.",
        f"the comparison of all 64 bits of the value that is used: `{variable}` of an unsigned 64-bit type for both "
        "(clang compares 32 bits of a value that the source shortens for the comparison)",
        CauseKind.WRONG_WIDTH,
        narrowed_at(facts),
    )


def _of_a_global_function(facts: Facts) -> Advice | None:
    """The result of a function that is verified by itself: what its code proves does not reach the caller."""
    made = origin_of(facts)
    made = wide_origin(facts.recorder, made) if made is not None else None
    if made is None or made.step < 0 or made.idx:
        return None
    insn_idx = facts.recorder.insn_idx(made.step)
    insn = facts.recorder.insns[insn_idx]
    if insn.code != o.JMP | o.CALL or insn.src_reg != o.PSEUDO_CALL:
        return None
    return Advice(
        f"The number is the result of the global function that {facts.where(insn_idx)} calls. Global functions are "
        "verified by themselves: whatever bounds their code gives the result, the caller knows none of them.",
        "the comparison in the caller, after the call; or a static function, which is verified as a part of its caller",
        CauseKind.LOST_AT_CALL,
        made.step,
    )


def _argument_of_a_global_function(facts: Facts) -> Advice | None:
    """An argument of a function that is verified by itself, which only its callers compare."""
    made = origin_of(facts)
    made = wide_origin(facts.recorder, made) if made is not None else None
    if made is None or made.step >= 0 or made.frame or not 1 <= made.idx <= 5:
        return None
    return checked_by_a_caller(facts, made.idx)


def _compared_otherwise(facts: Facts) -> Advice | None:
    """A comparison of the number itself that does not bound it: with an unbounded one, or on its other branch."""
    made = origin_of(facts)
    if made is None:
        return None
    for branch in facts.branches():
        if branch.step <= made.step:
            break
        here = len(branch.before) - 1
        text = (
            f"The comparison in {facts.where(branch.insn_idx)} ({branch_text(facts.recorder.insns, branch.insn_idx)})"
        )
        sides = (branch.insn.dst_reg, branch.insn.src_reg)
        regs = branch.before[here].regs
        if o.src(branch.insn.code) != o.X:
            own, after = regs[sides[0]], branch.after
            if not _is(facts, branch, sides[0], made) or len(after) != len(branch.before):
                continue
            now = after[here].regs[sides[0]]
            raised = _is_number(own) and _is_number(now) and now.scalar.umin > own.scalar.umin
            if raised and now.scalar.umin > 1 and now.scalar.umax >= LARGE and not _half_bounded(facts):
                return Advice(
                    f"{text} gives this path a lower bound only: the number is at least "
                    f"{number(now.scalar.umin)} here.",
                    "",
                    CauseKind.WRONG_BRANCH,
                    branch.step,
                )
            continue
        for one, other in (sides, sides[::-1]):
            limit = regs[other]
            if not _is_number(limit) or not _is_number(regs[one]):
                continue
            if min(limit.scalar.umax, limit.scalar.u32_max if branch.insn.code & 0x07 == o.JMP32 else U64_MAX) < LARGE:
                continue
            if _is(facts, branch, one, made):
                return Advice(
                    f"{text} is with r{other}, of which no upper bound is known itself, so that it gives none.",
                    f"a comparison with a constant: of the number that is used, or of r{other} before this comparison",
                    CauseKind.CHECK_TOO_WEAK,
                    branch.step,
                )
    return None


def _half_bounded(facts: Facts) -> bool:
    """Whether the lower 32 bits of the number at fault have an upper bound, which another comparison gave."""
    reg = facts.reg
    return reg is not None and reg.scalar.s32_max < LARGE


def _is(facts: Facts, branch: Branch, idx: int, made: Value) -> bool:
    """Whether a register that a branch compares holds the value."""
    value = value_before(facts.recorder, branch.step, len(branch.before) - 1, idx)
    return origin(facts.recorder, value) == made


def _source(facts: Facts, step: int, insn: Insn) -> RegState | None:
    if o.src(insn.code) != o.X:
        return None
    snap = facts.recorder.raw_before(step)
    return snap[-1].regs[insn.src_reg] if snap else None


def _is_number(reg: RegState) -> bool:
    return reg.type == SCALAR_VALUE


def _copied_after(facts: Facts, branch: Branch, at: int, frame: int, idx: int) -> bool:
    """Whether the value is a copy, made after a comparison, of the register that was compared: its bounds too."""
    recorder, other = facts.recorder, branch.insn.dst_reg
    whole = branch.insn.code & 0x07 != o.JMP32
    step = recorder.writer_before(at, frame, idx)
    while step > branch.step:
        insn = recorder.insns[recorder.insn_idx(step)]
        if insn.code & 0x07 not in (o.ALU, o.ALU64) or o.op(insn.code) != o.MOV or o.src(insn.code) != o.X:
            return False
        if insn.off or (whole and insn.code & 0x07 == o.ALU):
            return False  # what is known of all bits may say nothing about some of them
        if insn.src_reg == other and recorder.writer_before(step, frame, other) <= branch.step:
            return True
        idx = insn.src_reg
        step = recorder.writer_before(step, frame, idx)
    return False


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
        if o.src(branch.insn.code) == o.X or here != frame or o.op(branch.insn.code) not in ORDERS:
            continue
        was = branch.before[here].regs[other]
        if not _is_number(was) or facts.origin(branch.step, here, other) != origin:
            continue
        if other == idx or _copied_after(facts, branch, at, frame, idx):
            continue  # of the value itself, of what it was before, or of what it was copied from later
        text = branch_text(facts.recorder.insns, branch.insn_idx)
        return Advice(
            f"The comparison in {facts.where(branch.insn_idx)} ({text}) is of a copy: what it says of r{other} does "
            f"not carry over to r{idx}.",
            "the comparison of the variable that is used, in the width in which it is used",
            CauseKind.CHECK_OF_ANOTHER_VALUE,
            branch.step,
        )
    return None
