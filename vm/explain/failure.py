"""Puts together why a program was refused (trace.Failure)."""

from __future__ import annotations

from typing import Final

from vm.explain.advice import advise
from vm.explain.causes import MAX_CAUSES, branch_text, causes_of
from vm.explain.facts import Advice, Facts, is_branch
from vm.explain.folding import folded
from vm.explain.in_source import checks_at, shown
from vm.explain.kinds import kind_of
from vm.explain.words import reg_sentence, slot_sentence
from vm.isa import opcodes as o
from vm.trace.recorder import Recorder
from vm.trace.records import Cause, Failure, Holding
from vm.trace.retell import stack_names
from vm.trace.root_cause import CauseKind, RootCause
from vm.trace.snapshots import FIRST_SLOT, live_slots, slot_index, slot_name, value_at
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.journal import RULE_ENDLESS
from vm.verifier.report.state_text import TypeNames
from vm.verifier.rules.rule import LIMITS, Rule
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

_MAX_SCAN: Final = 20_000
_HOTTEST: Final = 3

_HELD: Final = {
    "reference": "gives reference {}, which has to be released",
    "lock": "takes the lock, which has to be given back",
    "rcu": "starts an RCU read section, which has to be ended",
    "preempt": "disables preemption, which has to be enabled again",
}


def refusal(rejected: Reject) -> Failure:
    """Why a program was refused before the verifier ran."""
    rule = rejected.rule
    return Failure(
        -1, -1, "", rejected.sentence, rule.name, rule.category, needed=rule.needed, cause=RootCause(kind_of(rule))
    )


def failure(env: VerifierEnv, recorder: Recorder | None, rejected: Reject, in_step: bool) -> Failure:
    """in_step: an instruction was refused; else what came before or between the instructions."""
    rule, message = rejected.rule, rejected.sentence
    insn_idx = rejected.insn_idx if rejected.insn_idx >= 0 else env.insn_idx
    needed = rejected.needed or rule.needed
    if recorder is None:
        return Failure(
            -1, insn_idx, _name(rejected, env.cur_state.curframe), message, rule.name, rule.category,
            partners=rejected.partners, explanation=_busiest(env, rule), needed=needed,
            cause=RootCause(kind_of(rule), -1, insn_idx, env.program.line_of(insn_idx)),
        )  # fmt: skip
    at = len(recorder) - 1 if in_step else len(recorder)
    snap = recorder.raw_before(at)
    name = _name(rejected, len(snap) - 1) or _leaked(recorder, at, rejected)
    names = TypeNames(env.program.maps)
    value, text = None, ""
    if name:
        frame, idx = slot_index(name)
        found = value_at(snap, frame, idx)
        if isinstance(found, StackSlot):
            text = slot_sentence(name, found, names)
        elif isinstance(found, RegState):
            text = reg_sentence(name, found, names)
        else:
            text = f"{name} holds nothing here"
        if found is not None:
            written_at = recorder.writer_before(at, frame, idx)
            value = recorder.view(found, snap, name)._replace(written_at=written_at)
    causes = _causes(env, recorder, rejected, rule, at, name)
    facts = Facts(env, recorder, rejected, at, name, tuple(causes))
    advice = advise(facts)
    needed = advice.needed or needed
    cause = _root_cause(facts, advice, insn_idx)
    last = Cause(at if in_step else env.step, insn_idx, name, "failed", needed or message)
    return Failure(
        step=env.step, insn_idx=insn_idx, reg=name, message=message, rule=rule.name, category=rule.category,
        partners=rejected.partners, explanation=advice.what, proven=value, proven_text=text, needed=needed,
        causes=(*folded(recorder, causes)[-MAX_CAUSES + 1 :], last), cause=cause,
    )  # fmt: skip


def _busiest(env: VerifierEnv, rule: Rule) -> str:
    """Of a walk that was too long to be recorded: the place where it met states that no earlier one covered."""
    if rule.category != LIMITS or not env.explored_states:
        return ""
    misses = {insn_idx: sum(each.miss_cnt for each in found) for insn_idx, found in env.explored_states.items()}
    insn_idx = max(misses, key=lambda each: misses[each])
    if not misses[insn_idx]:
        return ""
    there = env.program.where(insn_idx)
    return (
        f"The walk met most states in {there}, instruction {insn_idx}: {misses[insn_idx]:,} times an earlier state did "
        "not cover the new one, so that the code behind it was walked again."
    )


def _root_cause(facts: Facts, advice: Advice, insn_idx: int) -> RootCause:
    """The kind and place of what the advice says, with the instructions of that place's source line."""
    env, recorder, check = facts.env, facts.recorder, advice.check
    kind = advice.kind if advice.kind is not None else kind_of(facts.rejected.rule)
    step = advice.step
    if check is not None:
        insns = facts.insns_of(check.line, check.line)
        if step is not None and step >= 0:
            insns = (recorder.insn_idx(step), *(each for each in insns if each != recorder.insn_idx(step)))
        first = insns[0] if insns else -1
        if kind is CauseKind.LOST_IN_COMPILATION and insn_idx not in insns:
            insns = (*insns, insn_idx)
        text = check if check.text else None
        return RootCause(kind, -1 if step is None else step, first, check.line, text, insns)
    if step is None:
        acquired = next((c for c in facts.causes if c.kind == "acquired"), None)
        if kind is CauseKind.NOT_RELEASED and acquired is not None:
            step = acquired.step
    if step is None or step < 0:
        return RootCause(kind, facts.at, insn_idx, env.program.line_of(insn_idx), insns=(insn_idx,))
    idx = recorder.insn_idx(step)
    found = checks_at(facts, idx) if is_branch(recorder.insns[idx]) else ()
    line = env.program.line_of(idx)
    source = shown(found[0]) if len(found) == 1 else None
    return RootCause(kind, step, idx, line, source, (idx,))


def _name(rejected: Reject, frame: int) -> str:
    if rejected.regno >= 0:
        return slot_name(max(frame, 0), rejected.regno)
    return slot_name(max(rejected.frame, 0), FIRST_SLOT + rejected.spi) if rejected.spi >= 0 else ""


def _leaked(recorder: Recorder, at: int, rejected: Reject) -> str:
    """The slot that holds the reference a program was refused for, if one still does."""
    if rejected.ref_id <= 0:
        return ""
    for name, value in live_slots(recorder.raw_before(at)).items():
        reg = value.spilled_ptr if isinstance(value, StackSlot) else value
        if reg.ref_obj_id == rejected.ref_id:
            return name
    return ""


def _causes(env: VerifierEnv, recorder: Recorder, rejected: Reject, rule: Rule, at: int, name: str) -> list[Cause]:
    names = [name] if name else []
    snap = recorder.raw_before(at)
    if rejected.also >= 0 and snap:
        names.append(slot_name(len(snap) - 1, rejected.also))
    if rejected.spi >= 0 and rejected.regno >= 0:
        names.append(slot_name(rejected.frame, FIRST_SLOT + rejected.spi))
    names += [each for each in _pointed_at(env, recorder, at, name) if each not in names]
    causes = causes_of(recorder, at, names) if names else []
    if rejected.held:
        causes += _held(recorder, at, rejected)
    if rule.category == LIMITS and len(recorder):
        causes += hottest(recorder)
    hits = recorder.journal.hits()
    if hits and hits[-1].rule == RULE_ENDLESS:
        step = hits[-1].checkpoint
        causes.append(Cause(step, hits[-1].insn_idx, "", "checkpoint", "the walk was here before, in the same state"))
    return sorted(dict.fromkeys(causes))


def _pointed_at(env: VerifierEnv, recorder: Recorder, at: int, name: str) -> list[str]:
    """The stack slot that an argument at fault points to: what is wrong with it may be what it leads to."""
    if not name or not 0 <= env.insn_idx < len(env.insns) or env.insns[env.insn_idx].code != o.JMP | o.CALL:
        return []
    snap = recorder.raw_before(at)
    frame, idx = slot_index(name)
    return stack_names(snap, frame, idx, 0, 8)[:1] if 0 < idx < 6 else []


def _held(recorder: Recorder, at: int, rejected: Reject) -> list[Cause]:
    """What was taken and not given back, and where the last copy of a reference was lost."""
    path = recorder.path_at(at)
    causes = []
    for each in recorder.holdings:
        if each.kind not in rejected.held or path not in each.still_held:
            continue
        if each.kind == "reference" and rejected.ref_id > 0 and each.id != rejected.ref_id:
            continue
        why = f"{each.by or 'this call'}() {_HELD[each.kind].format(each.id)}"
        causes.append(Cause(each.step, each.insn_idx, "r0" if each.kind == "reference" else "", "acquired", why))
        lost = _lost(recorder, at, each) if each.kind == "reference" else None
        if lost is not None:
            causes.append(lost)
        causes += _parting(recorder, path, each)
    return causes


def _parting(recorder: Recorder, path: int, held: Holding) -> list[Cause]:
    """The branch by which this path left one that gives it back."""
    at = path
    while at >= 0:
        p = recorder.path_by_id(at)
        if p.push_step < held.step:
            return []
        if any(r.path == p.parent and r.step > p.push_step for r in held.released):
            insn_idx = recorder.insn_idx(p.push_step)
            why = f"{branch_text(recorder.insns, insn_idx)} leads here; the other way gives it back"
            return [Cause(p.push_step, insn_idx, "", "branch", why)]
        at = p.parent
    return []


def _lost(recorder: Recorder, at: int, held: Holding) -> Cause | None:
    """The step after which no slot held the reference any more."""
    step = at
    for _ in range(_MAX_SCAN):
        before = recorder.before(step)
        if before < held.step:
            return None
        for name, value in live_slots(recorder.raw_before(step)).items():
            reg = value.spilled_ptr if isinstance(value, StackSlot) else value
            if reg.ref_obj_id == held.id:
                if step == at:
                    return None
                return Cause(
                    step, recorder.insn_idx(step), name, "clobbered",
                    f"the last copy of reference {held.id} was in {name} and is lost here",
                )  # fmt: skip
        step = before
    return None


def hottest(recorder: Recorder) -> list[Cause]:
    """The jumps back that were walked most: the loops that use up the limit."""
    visits = recorder.visits()
    first: dict[int, int] = {}
    for idx in sorted(visits, key=lambda idx: -visits[idx]):
        insn = recorder.insns[idx]
        if insn.code & 0x07 in (o.JMP, o.JMP32) and o.op(insn.code) not in (o.CALL, o.EXIT):
            off = insn.imm if insn.code == o.JMP32 | o.JA else insn.off
            if off < 0:
                first[idx] = visits[idx]
        if len(first) >= _HOTTEST:
            break
    return [
        Cause(recorder.first_visit(idx), idx, "", "loop", f"this jump back was walked {count:,} times")
        for idx, count in first.items()
    ]
