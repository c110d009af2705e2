"""Limits of the walk: where the instructions went."""

from __future__ import annotations

from vm.explain.facts import Advice, Facts
from vm.verifier.rules.limits import PROGRAM_TOO_LARGE
from vm.verifier.rules.structure import INFINITE_LOOP


def limit(facts: Facts) -> Advice:
    """The loop that used up the limit, or that never changes anything."""
    rule = facts.rejected.rule
    if rule is INFINITE_LOOP:
        return Advice(
            "The walk came to this instruction a second time with the very same state: no register and no byte of the "
            "stack changed in between, so nothing would ever end the loop.",
        )
    loops = [cause for cause in facts.causes if cause.kind == "loop"]
    if rule is not PROGRAM_TOO_LARGE or not loops:
        return Advice()
    visits = facts.recorder.visits()
    hottest = max((cause.insn_idx for cause in loops), key=lambda insn_idx: visits[insn_idx])
    return Advice(
        f"The loop that jumps back in {facts.where(hottest)} was walked {visits[hottest]:,} times; the state was a new "
        "one each time, so that no round was covered by an earlier one.",
    )
