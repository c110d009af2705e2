"""What was acquired and is still held: where it was taken, and which way out of the program does not give it back."""

from __future__ import annotations

from vm.explain.facts import Advice, Facts, in_program
from vm.explain.source_nulls import wrong_null_check
from vm.trace.root_cause import CauseKind

_KINDS = {"reference": "object", "lock": "lock", "rcu": "RCU read section", "preempt": "preempt-disabled section"}


def held(facts: Facts) -> Advice:
    """Something acquired that is still held at the end."""
    taken = next((cause for cause in facts.causes if cause.kind == "acquired"), None)
    if taken is None:
        return Advice()
    info = facts.line_info(taken.insn_idx)
    wrong = wrong_null_check(facts, info.line) if info is not None and in_program(info) else None
    if wrong is not None:
        return wrong
    parting = next((c for c in reversed(facts.causes) if c.kind == "branch" and not c.name), None)
    lost = next((c for c in reversed(facts.causes) if c.kind == "clobbered"), None)
    callee = facts.recorder.called(taken.insn_idx) or "the call"
    what = (
        f"{callee}() in {facts.where(taken.insn_idx)} acquires what is still held in {facts.where(facts.env.insn_idx)}"
    )
    if parting is not None:
        what += f"; the branch in {facts.where(parting.insn_idx)} leads there, and the other way gives it back"
    elif lost is not None:
        what += f"; the last pointer to it was lost in {facts.where(lost.insn_idx)}"
    return Advice(f"{what}.", "", CauseKind.NOT_RELEASED, taken.step)
