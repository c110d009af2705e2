"""Comparisons on the path of the number at fault, of a copy of it, or of the same memory read before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.explain.causes import branch_text
from vm.explain.facts import Advice, Branch, Facts
from vm.explain.lineage import How, Value, ancestors, origin, parents, read_of, value_before, wide_origin
from vm.explain.source_bounds import (
    cast_bound,
    compiled_bound,
    loop_check,
    other_check,
    source_of_bound,
    source_of_mask,
    wrong_bound,
)
from vm.isa import opcodes as o
from vm.namedtuples import NamedTuple
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import FIRST_SLOT, slot_index, value_at
from vm.verifier.domain.scalar import Scalar
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

LARGE: Final = 1 << 29
_MAX_BRANCHES: Final = 200
_MAX_MOVES: Final = 64
_SIGNED: Final = frozenset({o.JSGT, o.JSGE, o.JSLT, o.JSLE})
_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_OF_TYPES: Final = frozenset({0x7F, 0xFF, 0x7FFF, 0xFFFF})  # upper bounds that a load of one or two bytes gives
ORDERS: Final = frozenset({o.JGT, o.JGE, o.JLT, o.JLE, *_SIGNED})


class Related(NamedTuple):
    """A comparison of a value that has one in common with the number at fault.

    mine, theirs -- how far the number at fault, and what is compared, are from what they have in common
    idx -- the register that is compared
    """

    branch: Branch
    idx: int
    mine: How
    theirs: How


def argument(facts: Facts) -> int:
    """Which argument of a call is at fault, 0 where no call was refused.

    Of memory whose offset is known and whose size is not, it is the size.
    """
    if facts.insn.code != o.JMP | o.CALL:
        return 0
    return facts.rejected.also if size_at_fault(facts) else max(facts.rejected.regno, 0)


def size_at_fault(facts: Facts) -> bool:
    """Whether the size of a call's memory is what is not known, and its offset is."""
    also, reg, before = facts.rejected.also, facts.reg, facts.recorder.raw_before(facts.at)
    if also < 0 or reg is None or not before or reg.scalar.var_off.mask:
        return False
    return before[-1].regs[also].scalar.var_off.mask != 0


def number_at_fault(facts: Facts) -> Value | None:
    """The number at fault: of a pointer, the one that was added to it last."""
    if not facts.name:
        return None
    frame, idx = slot_index(facts.name)
    recorder, value = facts.recorder, value_before(facts.recorder, facts.at, frame, idx)
    reg = facts.reg
    if size_at_fault(facts):
        return value_before(recorder, facts.at, frame, facts.rejected.also)
    if reg is not None and reg.type == t.SCALAR_VALUE:
        return value
    for _ in range(_MAX_MOVES):
        if value.step < 0:
            return None
        insn = recorder.insns[recorder.insn_idx(value.step)]
        if insn.code == o.ALU64 | o.ADD | o.X:
            snap = recorder.raw_before(value.step)
            added = insn.src_reg if not _is_number(snap[value.frame].regs[insn.dst_reg]) else insn.dst_reg
            reg = snap[value.frame].regs[added]
            if reg.scalar.var_off.mask or insn.dst_reg == insn.src_reg:
                return value_before(recorder, value.step, value.frame, added)
            value = value_before(recorder, value.step, value.frame, insn.dst_reg + insn.src_reg - added)
            continue
        made = parents(recorder, value)
        if len(made) != 1:
            return None
        value = made[0][1]
    return None


def _is_number(reg: RegState) -> bool:
    return reg.type == t.SCALAR_VALUE


def related(facts: Facts, number: Value) -> Iterator[Related]:
    """Comparisons on the path of what the number was made from, or of what was made of it, the last first."""
    recorder = facts.recorder
    mine = ancestors(recorder, number)
    for count, branch in enumerate(facts.branches()):
        if count >= _MAX_BRANCHES:
            return
        here = len(branch.before) - 1
        regs = [branch.insn.dst_reg] + [branch.insn.src_reg] * (o.src(branch.insn.code) == o.X)
        for idx in regs:
            reg = branch.before[here].regs[idx]
            if not _is_number(reg) or not reg.scalar.var_off.mask:
                continue
            theirs = ancestors(recorder, value_before(recorder, branch.step, here, idx))
            shared = [
                (max(mine[v], how), mine[v], how) for v, how in theirs.items() if v in mine and is_unknown(facts, v)
            ]
            if shared:
                _, a, b = min(shared)
                yield Related(branch, idx, a, b)


def is_unknown(facts: Facts, value: Value) -> bool:
    """Whether the value is a number that is no constant: constants are shared by chance."""
    snap = facts.recorder.raw(value.step) if value.step >= 0 else facts.recorder.raw_before(0)
    found = value_at(snap, value.frame, value.idx)
    reg = found.spilled_ptr if isinstance(found, StackSlot) else found
    if reg is None:
        return False
    return reg.type != t.SCALAR_VALUE or reg.scalar.var_off.mask != 0


def narrowed_at(facts: Facts, jumps: frozenset[int] = ORDERS) -> int | None:
    """The step of the last comparison that bounds the number at fault, or what it was made from."""
    number = number_at_fault(facts)
    if number is None:
        return None
    found = [each for each in related(facts, number) if o.op(each.branch.insn.code) in jumps]
    best = min(found, key=lambda each: (max(each.mine, each.theirs), -each.branch.step), default=None)
    return best.branch.step if best is not None else None


def signed_kind(facts: Facts) -> CauseKind:
    """WRONG_SIGN where a comparison bounds the number as a signed one; it may be its type that does."""
    compared = signed_at(facts) is not None or source_of_bound(facts, argument(facts)) is not None
    return CauseKind.WRONG_SIGN if compared else CauseKind.MISSING_CHECK


def signed_at(facts: Facts) -> int | None:
    """The step of the last signed comparison of the number at fault; of any, if there is none."""
    found = narrowed_at(facts, _SIGNED)
    return found if found is not None else narrowed_at(facts)


def too_wide(facts: Facts, said: str) -> Advice:
    """Of a number that is bounded, but not enough: what bounds it."""
    which = argument(facts)
    wrong = wrong_bound(facts, which)
    if wrong is not None:
        return _with(said, wrong)
    number = number_at_fault(facts)
    if number is None:
        return loop_bound(facts, said) or Advice(said, kind=CauseKind.MISSING_CHECK)
    lineage = ancestors(facts.recorder, number)
    compared = next((r for r in related(facts, number) if r.theirs is How.SAME and _bounds(r)), None)
    if compared is not None and _only_from_below(compared):
        compared = None
    masked = next((value.step for value in lineage if lineage[value] <= How.COMPUTED and _masks(facts, value)), None)
    if compared is not None and (masked is None or compared.branch.step > masked):
        text = branch_text(facts.recorder.insns, compared.branch.insn_idx)
        there = f"The comparison in {facts.where(compared.branch.insn_idx)} ({text})"
        what = f"{said} {there} is what bounds it."
        return Advice(what, "", CauseKind.CHECK_TOO_WEAK, compared.branch.step, source_of_bound(facts, which))
    away = cast_bound(facts, which) or compiled(facts)
    if away is not None:
        return _with(said, away)
    if masked is not None:
        there = facts.where(facts.recorder.insn_idx(masked))
        what = f"{said} The bound comes from {there}." if said else f"The bound comes from {there}."
        return Advice(what, "", CauseKind.CHECK_TOO_WEAK, masked, source_of_mask(facts, which))
    after = other_check(facts, which)
    if after is not None:
        return _with(said, after)
    made = wide_origin(facts.recorder, origin(facts.recorder, number))
    callee = facts.recorder.called(facts.recorder.insn_idx(made.step)) if made.step >= 0 and made.idx == 0 else ""
    bound = f"what {callee}() returns at most" if callee else "that of its type"
    what = f"{said} Nothing on this path bounds it from above: the bound is {bound}."
    return Advice(what, kind=CauseKind.MISSING_CHECK)


def compiled(facts: Facts) -> Advice | None:
    """compiled_bound(), with the comparison in the code that the compiler made of the one in the source."""
    found = compiled_bound(facts, argument(facts))
    number = number_at_fault(facts)
    if found is None or number is None:
        return found
    for each in related(facts, number):
        branch = each.branch
        if each.theirs is not How.SAME and o.op(branch.insn.code) in ORDERS:
            text = branch_text(facts.recorder.insns, branch.insn_idx)
            there = f"Instruction {branch.insn_idx} ({text})"
            what = f"{found.what} {there} compares r{each.idx}, which is computed from it."
            return found._replace(what=what, step=branch.step)
    return found


def _with(said: str, found: Advice) -> Advice:
    return found._replace(what=f"{said} {found.what}" if said else found.what)


def _bounds(found: Related) -> bool:
    """Whether a comparison gave the number that it compares another upper bound on this path."""
    branch = found.branch
    here = len(branch.before) - 1
    if here >= len(branch.after):
        return False
    before, after = branch.before[here].regs[found.idx], branch.after[here].regs[found.idx]
    if not _is_number(after):
        return False
    return _smaller(after.scalar, before.scalar)


def _only_from_below(found: Related) -> bool:
    """Whether a comparison keeps out negative numbers only: its upper bound is the one that the number had before."""
    branch, here = found.branch, len(found.branch.before) - 1
    before, after = branch.before[here].regs[found.idx].scalar, branch.after[here].regs[found.idx].scalar
    return before.smin < 0 <= after.smin and before.smax == after.smax < LARGE


def _smaller(a: Scalar, b: Scalar) -> bool:
    return a.umax < b.umax or a.smax < b.smax or a.u32_max < b.u32_max or a.s32_max < b.s32_max


def _masks(facts: Facts, value: Value) -> bool:
    """Whether a value comes from a mask or a remainder by a constant that a shift pair of the compiler is not."""
    if value.step < 0:
        return False
    insn = facts.recorder.insns[facts.recorder.insn_idx(value.step)]
    if insn.code & 0x07 not in (o.ALU, o.ALU64) or o.src(insn.code) == o.X:
        return False
    return o.op(insn.code) == o.MOD or (o.op(insn.code) == o.AND and insn.imm not in (0xFF, 0xFFFF))


def visits(facts: Facts) -> int:
    """How often the path visited the rejected instruction before, in this function."""
    return sum(1 for step in facts.steps_back() if facts.recorder.insn_idx(step) == facts.env.insn_idx)


def loop_bound(facts: Facts, said: str) -> Advice | None:
    """The condition of the loop that leads to a fixed offset or size that does not fit."""
    told = loop_check(facts, said, argument(facts))
    if told is not None:
        return told
    if visits(facts):
        idx = facts.env.insn_idx
        for branch in facts.branches():
            target = branch.insn_idx + branch.insn.off + 1
            if target <= idx <= branch.insn_idx or branch.insn_idx <= idx < target:
                return Advice(
                    f"{said} It is round {visits(facts) + 1} of the loop whose condition is in "
                    f"{facts.where(branch.insn_idx)}.",
                    "",
                    CauseKind.CHECK_TOO_WEAK,
                    branch.step,
                )
    return None


def lost_in_memory(facts: Facts) -> Advice | None:
    """A number that was compared before it went through memory: read again, or through a stack slot that lost it."""
    number = number_at_fault(facts)
    if number is None:
        return None
    recorder = facts.recorder
    for value, how in ancestors(recorder, number).items():
        if how is How.MIXED:
            continue
        lost = _lost_on_stack(facts, value)
        if lost is not None:
            return lost
        read = read_of(recorder, value)
        if read is None:
            continue
        for count, branch in enumerate(facts.branches()):
            if count >= _MAX_BRANCHES:
                break
            here = len(branch.before) - 1
            regs = [branch.insn.dst_reg] + [branch.insn.src_reg] * (o.src(branch.insn.code) == o.X)
            for idx in regs:
                if not _is_number(branch.before[here].regs[idx]):
                    continue
                compared = value_before(recorder, branch.step, here, idx)
                for theirs, far in ancestors(recorder, compared).items():
                    if far is not How.MIXED and theirs != value and read_of(recorder, theirs) == read:
                        return _read_again(facts, value, theirs, branch)
    return None


def read_back(facts: Facts) -> Advice | None:
    """A bounded number that was stored in memory outside the stack, and read back from there without its bound."""
    number, recorder = number_at_fault(facts), facts.recorder
    if number is None:
        return None
    reads = [
        (each, read_of(recorder, each)) for each, how in ancestors(recorder, number).items() if how <= How.COMPUTED
    ]
    for step in facts.steps_back():
        insn = recorder.insns[recorder.insn_idx(step)]
        if insn.code & 0x07 != o.STX or o.mode(insn.code) != o.MEM:
            continue
        before = recorder.raw_before(step)
        stored, base = before[-1].regs[insn.src_reg], before[-1].regs[insn.dst_reg]
        s = stored.scalar
        bounded = s.smin >= 0 and s.umax < LARGE and (s.var_off.mask or s.umin > 1)
        if not _is_number(stored) or not bounded or s.umax in _OF_TYPES:
            continue
        for value, read in reads:
            if read is None or value.step <= step or read.size != _SIZES.get(insn.code & 0x18, 8):
                continue
            to = recorder.insns[recorder.insn_idx(value.step)]
            there = recorder.raw_before(value.step)[value.frame].regs[to.src_reg]
            same = (there.type, there.map_ptr, there.id, there.off + to.off) == (
                base.type,
                base.map_ptr,
                base.id,
                base.off + insn.off,
            )
            if same and not there.scalar.var_off.mask:
                return Advice(
                    f"The bound was there until {facts.where(recorder.insn_idx(step))} stored the number in memory: "
                    f"what {facts.where(recorder.insn_idx(value.step))} reads back from there is any number to the "
                    "verifier, which keeps what is known of numbers in registers and on the stack only.",
                    "the variable that was compared, instead of the memory that it was stored in; or the comparison "
                    "of what is read back",
                    CauseKind.READ_AGAIN,
                    step,
                )
    return None


def _read_again(facts: Facts, value: Value, compared: Value, branch: Branch) -> Advice:
    recorder = facts.recorder
    first, again = (facts.where(recorder.insn_idx(each.step)) for each in (compared, value))
    text = branch_text(recorder.insns, branch.insn_idx)
    return Advice(
        f"The comparison in {facts.where(branch.insn_idx)} ({text}) is of what was read from memory in {first}; "
        f"what is used was read from the same place again in {again}, and may be another number by then.",
        "the value read once into a variable, which is compared and then used",
        CauseKind.READ_AGAIN,
        branch.step,
    )


def _lost_on_stack(facts: Facts, value: Value) -> Advice | None:
    """A bounded number in a stack slot that a later store or call wrote over."""
    recorder = facts.recorder
    if value.idx < FIRST_SLOT or value.step < 0:
        return None
    was = value_at(recorder.raw_before(value.step), value.frame, value.idx)
    if not isinstance(was, StackSlot) or not was.is_spill() or was.spilled_ptr.type != t.SCALAR_VALUE:
        return None
    s = was.spilled_ptr.scalar
    if not (s.smin >= 0 and s.umax < LARGE) or not s.var_off.mask:
        return None
    insn_idx = recorder.insn_idx(value.step)
    there = facts.where(insn_idx)
    if recorder.insns[insn_idx].code == o.JMP | o.CALL:
        callee = recorder.called(insn_idx) or "the function"
        return Advice(
            f"The bound was there until {callee}() in {there} wrote over the variable, through its pointer.",
            "the comparison after that call",
            CauseKind.LOST_AT_CALL,
            value.step,
        )
    return Advice(
        f"The bound was there until {there} wrote over the stack slot, or over a part of it.",
        "the comparison after that store, of the value that is read back",
        CauseKind.LOST_AT_SPILL,
        value.step,
    )


def related_check(facts: Facts) -> Advice | None:
    """A comparison with a constant of something that was made from the number, or of what it was made from."""
    number = number_at_fault(facts)
    if number is None:
        return None
    for each in related(facts, number):
        branch = each.branch
        if o.op(branch.insn.code) not in ORDERS or max(each.mine, each.theirs) is How.SAME:
            continue
        text = branch_text(facts.recorder.insns, branch.insn_idx)
        there = f"The comparison in {facts.where(branch.insn_idx)} ({text})"
        if each.theirs in (How.SHORTENED, How.SIGNED) and each.mine in (How.SAME, How.COMPUTED):
            return Advice(
                f"{there} is of a shortened copy: it says nothing about the bits that the copy does not have, and all "
                "of them are used here.",
                "the comparison of the value that is used, in its whole width",
                CauseKind.WRONG_WIDTH,
                branch.step,
            )
        if each.theirs is How.COMPUTED and _bounds(each):
            return Advice(
                f"{there} is of r{each.idx}, which was computed from the number that is used: what it says of "
                f"r{each.idx} does not carry back.",
                "the comparison of the value that is used",
                CauseKind.CHECK_OF_ANOTHER_VALUE,
                branch.step,
            )
    return None


def origin_of(facts: Facts) -> Value | None:
    """Where the number at fault was made, back through whole copies."""
    number = number_at_fault(facts)
    return origin(facts.recorder, number) if number is not None else None
