"""Limits of the walk: where the instructions went."""

from __future__ import annotations

from vm.explain.facts import Advice, Facts
from vm.explain.in_source import loop_around, shown
from vm.trace.root_cause import CauseKind, SourceCheck
from vm.verifier.rules.limits import JUMP_SEQUENCE_TOO_LONG, PROGRAM_TOO_LARGE
from vm.verifier.rules.structure import INFINITE_LOOP


def limit(facts: Facts) -> Advice:
    """The loop that used up the limit, or that never changes anything."""
    rule = facts.rejected.rule
    if rule is INFINITE_LOOP:
        return Advice(
            "The walk came to this instruction a second time with the very same state: no register and no byte of the "
            "stack changed in between, so nothing would ever end the loop.",
            "",
            CauseKind.UNBOUNDED_LOOP,
            check=_condition(facts, facts.env.insn_idx),
        )
    loops = [cause for cause in facts.causes if cause.kind == "loop"]
    if rule not in (PROGRAM_TOO_LARGE, JUMP_SEQUENCE_TOO_LONG) or not loops:
        return Advice()
    visits = facts.recorder.visits()
    hottest = max((cause.insn_idx for cause in loops), key=lambda insn_idx: visits[insn_idx])
    return Advice(
        f"The loop that jumps back in {facts.where(hottest)} was walked {visits[hottest]:,} times; the state was a new "
        "one each time, so that no round was covered by an earlier one.",
        "",
        CauseKind.UNBOUNDED_LOOP,
        next(cause.step for cause in loops if cause.insn_idx == hottest),
        _condition(facts, hottest),
    )


def _condition(facts: Facts, insn_idx: int) -> SourceCheck | None:
    """The condition of the loop in the source that an instruction belongs to."""
    found = loop_around(facts, insn_idx)
    return shown(found) if found is not None else None
