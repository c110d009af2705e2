"""Packet accesses: which comparison with the packet's end there was on the path, and why it is not enough."""

from __future__ import annotations

from typing import Final

from vm.csource import root_of
from vm.explain.facts import Advice, Branch, Facts
from vm.explain.in_source import checks_at, subject
from vm.explain.lineage import parts_of, value_before, wide_origin
from vm.explain.related import argument, too_wide
from vm.explain.source_packets import asks_for_its_own, packet_check
from vm.explain.words import number
from vm.isa import opcodes as o
from vm.namedtuples import NamedTuple
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import slot_index, slot_name
from vm.verifier.report.need import packet_names
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_STARTS: Final = (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META)
_ENDS: Final = (t.PTR_TO_PACKET_END, t.PTR_TO_PACKET)


class _Check(NamedTuple):
    """A comparison of a packet pointer with an end: the pointer's register, as it was, and its range from then on.

    against -- the type of the register that it was compared with
    """

    branch: Branch
    name: str
    reg: RegState
    proven: int
    against: int


def packet(facts: Facts) -> Advice:
    """Why the bytes are not proven to be in the packet."""
    reg, name = facts.reg, facts.name
    if reg is None or reg.type not in _STARTS:
        return Advice()
    checks = _checks(facts, reg.type)
    same = [check for check in checks if check.reg.id == reg.id]
    if reg.range < 0:
        step = same[0].branch.step if same else None
        wrong = _in_source(facts, f"On this path {name} was compared with the packet's end and lies past it.", 0)
        if wrong is not None:
            return wrong
        return Advice(
            f"On this path {name} was compared with the packet's end and lies past it.",
            "",
            CauseKind.WRONG_BRANCH,
            step,
        )
    end = facts.value("off") + facts.value("size")
    farthest = reg.scalar.umax + end if reg.id else end
    in_vain = bool(same) and _last_byte(same[0].reg) > t.MAX_PACKET_OFF
    if farthest > t.MAX_PACKET_OFF or (in_vain and same[0].proven < end <= same[0].reg.off):
        return _too_far(facts, reg, farthest, same if in_vain else [])
    if not checks:
        _, limit = packet_names(reg.type, facts.env.program.prog_type)
        said = f"On this path no packet pointer is compared with {limit} before the access."
        length = _of_the_length(facts, said)
        if length is not None:
            return length
        return _in_source(facts, said, -1) or Advice(said, kind=CauseKind.MISSING_CHECK)
    if not same:
        return _of_another(facts, checks)
    best = max(same, key=lambda check: check.proven)
    there = facts.where(best.branch.insn_idx)
    if best.proven >= end:
        return _made_after(facts, best, there)
    if best.proven > 0:
        said = f"The comparison in {there} proves {number(best.proven)} bytes; the access ends at byte {end}."
        return _too_few(facts, best, said)
    nothing = _nothing(facts, best, there)
    return nothing if nothing.needed else _in_source(facts, nothing.what, 0) or nothing


def _in_source(facts: Facts, said: str, proven: int) -> Advice | None:
    found = packet_check(facts, proven, argument(facts))
    return found._replace(what=f"{said} {found.what}") if found is not None else None


def _of_the_length(facts: Facts, said: str) -> Advice | None:
    """A comparison of a number that is the difference of the packet's end and its start."""
    recorder = facts.recorder
    for branch in facts.branches():
        here = len(branch.before) - 1
        regs = [branch.insn.dst_reg] + [branch.insn.src_reg] * (o.src(branch.insn.code) == o.X)
        for idx in regs:
            if branch.before[here].regs[idx].type != t.SCALAR_VALUE:
                continue
            value = wide_origin(recorder, value_before(recorder, branch.step, here, idx))
            insn = recorder.insns[recorder.insn_idx(value.step)] if value.step >= 0 else None
            if insn is None or insn.code != o.ALU64 | o.SUB | o.X:
                continue
            before = recorder.raw_before(value.step)[value.frame].regs
            if before[insn.dst_reg].type == t.PTR_TO_PACKET_END and before[insn.src_reg].type in _STARTS:
                return Advice(
                    f"{said} The comparison in {facts.where(branch.insn_idx)} is of a number, the length that "
                    f"{facts.where(recorder.insn_idx(value.step))} computes from data_end and data: the verifier draws "
                    "no conclusion about the pointers from it.",
                    "a comparison of the pointers themselves: if (data + length > data_end)",
                    CauseKind.CHECK_OF_ANOTHER_VALUE,
                    branch.step,
                )
    return None


def _of_another(facts: Facts, checks: list[_Check]) -> Advice:
    """All comparisons are of pointers with another variable offset, or with none."""
    latest = checks[0]
    there = facts.where(latest.branch.insn_idx)
    made = _made(facts)
    said = (
        f"The comparison in {there} is for another pointer: {facts.name} got an offset of its own in {made}, "
        "and what was proven of the other says nothing about it."
    )
    twice = next((check for check in checks if _same_sum(facts, check)), None)
    if twice is not None and facts.env.program.source:
        return Advice(
            f"{said} Both pointers are made of the same numbers: the compiler computed the pointer twice, and compares "
            "the one while it accesses through the other.",
            "one computation of the pointer for the comparison and the access, behind barrier_var()",
            CauseKind.LOST_IN_COMPILATION,
            twice.branch.step,
        )
    found = _in_source(facts, said, -1)
    if found is not None:
        return found
    own = checks_at(facts, latest.branch.insn_idx)
    if _of_its_own(facts, latest) or any(asks_for_its_own(check) for check in own):
        return Advice(said, "", CauseKind.MISSING_CHECK)
    return Advice(said, "", CauseKind.CHECK_OF_ANOTHER_VALUE, latest.branch.step)


def _same_sum(facts: Facts, check: _Check) -> bool:
    """Whether a compared pointer has the same parts as the one at fault: the same base with the same numbers added."""
    recorder = facts.recorder
    frame, idx = slot_index(facts.name)
    mine = parts_of(recorder, value_before(recorder, facts.at, frame, idx))
    there = slot_index(check.name)
    return bool(mine) and mine == parts_of(recorder, value_before(recorder, check.branch.step, *there))


def _of_its_own(facts: Facts, check: _Check) -> bool:
    """Whether a comparison serves the accesses of the pointer that it compares: then it was not meant for another."""
    recorder = facts.recorder
    for step in facts.steps_back():
        if step <= check.branch.step:
            return False
        insn = recorder.insns[recorder.insn_idx(step)]
        cls = insn.code & 0x07
        if cls not in (o.LDX, o.ST, o.STX):
            continue
        before = recorder.raw_before(step)
        base = before[-1].regs[insn.src_reg if cls == o.LDX else insn.dst_reg]
        if base.type == check.reg.type and base.id == check.reg.id:
            return True
    return False


def _too_few(facts: Facts, best: _Check, said: str) -> Advice:
    """A comparison that proves less than is accessed: too few bytes, or bytes of something in front of it."""
    found = _in_source(facts, said, best.proven)
    if found is not None:
        return found
    if not _meant_for(facts, best):
        said = f"{said} That comparison is for the bytes before it: the access has none of its own."
        return Advice(said, "", CauseKind.MISSING_CHECK)
    return Advice(said, "", CauseKind.CHECK_TOO_WEAK, best.branch.step)


def _meant_for(facts: Facts, best: _Check) -> bool:
    """Whether a comparison that proves too few bytes was meant for the access: by the variables of the source.

    Without a source: whether it proves at least a part of what is accessed.
    """
    found = subject(facts, argument(facts))
    checks = checks_at(facts, best.branch.insn_idx)
    if found is None or not checks:
        return facts.value("off") < best.proven
    used = {root_of(pointer) for pointer in found.pointers}
    if any(used & check.mentioned for check in checks):
        return True
    return not any(asks_for_its_own(check) for check in checks)


def _nothing(facts: Facts, check: _Check, there: str) -> Advice:
    """Why a comparison proves no byte (kernel: try_match_pkt_pointers(), find_good_pkt_pointers())."""
    said, step = f"The comparison in {there} proves nothing", check.branch.step
    if o.cls(check.branch.insn.code) == o.JMP32:
        what = f"{said} about the packet: it compares only the lower 32 bits of the pointers."
        kind = CauseKind.WRONG_WIDTH if check.reg.off > 0 else CauseKind.CHECK_TOO_WEAK
        return Advice(what, "", kind, step)
    if check.reg.off <= 0:
        what = (
            f"{said} here: only bytes in front of the compared pointer count as proven, and {check.name} has none in "
            "front of it."
        )
        return Advice(what, "", CauseKind.CHECK_TOO_WEAK, step)
    if check.reg.type == t.PTR_TO_PACKET_META and check.against == t.PTR_TO_PACKET_END:
        return Advice(
            f"{said} about the metadata: it is with data_end, and the metadata end where the packet begins.",
            "a comparison with data: if (data_meta + length > data)",
            CauseKind.CHECK_OF_ANOTHER_VALUE,
            step,
        )
    what = f"{said} on this path: it holds where its other branch goes on."
    return Advice(what, "", CauseKind.WRONG_BRANCH, step)


def _checks(facts: Facts, kind: int) -> list[_Check]:
    """Comparisons of pointers of the kind with another end, the last first."""
    found = []
    for branch in facts.branches():
        if o.src(branch.insn.code) != o.X:
            continue
        here = len(branch.before) - 1
        one, other = (branch.before[here].regs[r] for r in (branch.insn.dst_reg, branch.insn.src_reg))
        for reg, idx, against in ((one, branch.insn.dst_reg, other), (other, branch.insn.src_reg, one)):
            if reg.type == kind and against.type in _ENDS and against.type != kind:
                after = branch.after[here].regs[idx] if here < len(branch.after) else reg
                proven = after.range if after.type == kind else 0
                found.append(_Check(branch, slot_name(here, idx), reg, proven, against.type))
    return found


def _last_byte(reg: RegState) -> int:
    """How many bytes of the packet a comparison of this pointer with the end asks for, at most."""
    return reg.off + reg.scalar.umax if reg.id else reg.off


def _too_far(facts: Facts, reg: RegState, farthest: int, checks: list[_Check]) -> Advice:
    """The access, or the pointer that was compared for it, lies where no comparison counts any more.

    checks -- comparisons of the pointer, if the last of them asks for bytes that far (find_good_pkt_pointers())
    """
    limit = number(t.MAX_PACKET_OFF)
    counted = f"comparisons count only within the first {limit} bytes of the packet"
    if not checks:
        ends = "may end" if reg.id else "ends"
        what = f"No comparison helps: the access {ends} {number(farthest)} bytes into the packet, and {counted}."
        return Advice(what, *_nearer(facts, reg, farthest))
    name = facts.name
    if _last_byte(reg) <= t.MAX_PACKET_OFF:
        reg, name = checks[0].reg, checks[0].name
    bytes_ = number(_last_byte(reg))
    there = f"The comparison in {facts.where(checks[0].branch.insn_idx)}"
    rounds = [check.reg.off for check in checks if check.branch.insn_idx == checks[0].branch.insn_idx]
    stride = rounds[0] - rounds[1] if len(rounds) > 1 else 0
    if reg.id or stride <= 0:
        lies = "may lie up to" if reg.id else "lies"
        what = f"{there} proves nothing here: {name} {lies} {bytes_} bytes into the packet, and {counted}."
        return Advice(what, *_nearer(facts, reg, _last_byte(reg)))
    most = min(1500, t.MAX_PACKET_OFF // stride)
    return Advice(
        f"{there} is not enough: {name} is moved on in a loop until it is {bytes_} bytes into the packet, "
        f"and {counted}. Nothing else ends the loop before that.",
        f"a bound on the rounds of the loop, beside the packet's end: for (i = 0; i < {most} && p + {stride} <= "
        "data_end; i++)",
        CauseKind.UNBOUNDED_LOOP,
        checks[0].branch.step,
    )


def _nearer(facts: Facts, reg: RegState, farthest: int) -> tuple[str, CauseKind, int | None]:
    """What is needed where the pointer lies too far, and the cause: a number that is too large, or a constant."""
    limit = number(t.MAX_PACKET_OFF)
    if not reg.id:
        return f"an access within the first {limit} bytes of the packet", CauseKind.WRONG_SIZE, None
    needed = (
        "an upper bound for what is added to the packet pointer, before it is compared with data_end: at most "
        f"{limit} bytes with everything added; here it may be {number(farthest)}"
    )
    return needed, *_unbounded(facts)


def _unbounded(facts: Facts) -> tuple[CauseKind, int | None]:
    """The cause of an offset that may be too large."""
    found = too_wide(facts, "")
    return (found.kind or CauseKind.MISSING_CHECK, found.step)


def _made(facts: Facts) -> str:
    """Where the pointer at fault got its value."""
    frame, idx = slot_index(facts.name)
    step = facts.recorder.writer_before(facts.at, frame, idx)
    return facts.where(facts.recorder.insn_idx(step)) if step >= 0 else "the beginning"


def _made_after(facts: Facts, check: _Check, there: str) -> Advice:
    """The comparison is enough for the pointers there were; this one was made from the context later."""
    recorder = facts.recorder
    for step in facts.steps_back():
        if step <= check.branch.step:
            break
        insn = recorder.insns[recorder.insn_idx(step)]
        if insn.code != o.JMP | o.CALL:
            continue
        before, after = recorder.raw_before(step), recorder.raw(step)
        frame, idx = slot_index(check.name)
        had = frame < len(before) and before[frame].regs[idx].type in _STARTS
        lost = frame < len(after) and after[frame].regs[idx].type not in _STARTS
        if had and (lost and idx > 5 or _lost_all(facts, step)):
            return Advice(
                f"The comparison in {there} was enough, but {recorder.called(recorder.insn_idx(step)) or 'the call'}() "
                f"in {facts.where(recorder.insn_idx(step))} may move the packet: what was proven before it is gone.",
                f"the comparison with data_end again, after the call, for the pointer in {facts.name}",
                CauseKind.LOST_AT_CALL,
                step,
            )
    return Advice(
        f"The comparison in {there} was enough for the pointers there were; {facts.name} was loaded from the context "
        f"again after it (it is what {_made(facts)} left), and nothing is proven of it yet.",
        f"one pointer for the comparison and the access: load data once, or compare {facts.name} with data_end again",
        CauseKind.READ_AGAIN,
        check.branch.step,
    )


def _lost_all(facts: Facts, step: int) -> bool:
    """Whether a call made the packet pointers in registers it keeps, or on the stack, invalid."""
    before, after = facts.recorder.raw_before(step), facts.recorder.raw(step)
    for was, now in zip(before, after, strict=False):
        if any(
            a.type in _STARTS and b.type not in _STARTS for a, b in zip(was.regs[6:10], now.regs[6:10], strict=True)
        ):
            return True
        for a, b in zip(was.stack, now.stack, strict=False):
            if a.is_spill() and a.spilled_ptr.type in _STARTS and b.spilled_ptr.type not in _STARTS:
                return True
    return False
