"""Values of the wrong kind: what a register or slot holds, and where it got that, whatever the rule."""

from __future__ import annotations

from vm.explain.facts import Advice, Facts
from vm.explain.in_source import passed_uninitialised
from vm.explain.pointers import of_number
from vm.isa import opcodes as o
from vm.trace.retell import stack_names
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import slot_index, value_at
from vm.verifier.rules.memory import MISALIGNED_ACCESS
from vm.verifier.rules.register import REGISTER_UNINITIALIZED
from vm.verifier.rules.rule import CALL, LIFETIME, REGISTER
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg_types import SCALAR_VALUE, STACK_DYNPTR, STACK_ITER

_OF_POINTERS = frozenset({CALL, LIFETIME, REGISTER})


def value(facts: Facts) -> Advice:
    """What is wrong with a value, as far as its own history says it."""
    rule = facts.rejected.rule
    if rule is REGISTER_UNINITIALIZED:
        return _never_written(facts)
    reg = facts.reg
    if rule is MISALIGNED_ACCESS and reg is not None and reg.type == SCALAR_VALUE:
        return of_number(facts) or Advice()
    if rule.name in _ON_STACK:
        return _given_back(facts) or Advice()
    if rule.category in _OF_POINTERS and facts.insn.code == o.JMP | o.CALL:
        found = of_number(facts)
        if found is not None and (found.kind in _LOST or rule.name in _TAKES_POINTERS):
            return found
    return Advice()


_TAKES_POINTERS = frozenset(
    {
        "argument-not-map", "argument-not-context", "argument-not-trusted", "argument-not-rcu",
        "kfunc-argument-not-context", "kfunc-argument-not-struct", "kfunc-argument-not-map-value",
        "kfunc-argument-unrecognized", "argument-not-allocated-object", "argument-not-object",
    }
)  # fmt: skip
"""Rules of arguments that have to be pointers: a number there is one by mistake."""
_ON_STACK = frozenset({"dynptr-argument-unacquired", "iterator-not-initialized", "dynptr-not-initialized"})
_KEPT = frozenset({STACK_DYNPTR, STACK_ITER})


def _given_back(facts: Facts) -> Advice | None:
    """The call that ended a dynptr or iterator on the stack that is used again."""
    recorder = facts.recorder
    if not facts.name:
        return None
    for slot in stack_names(recorder.raw_before(facts.at), *slot_index(facts.name), 0, 8)[:1]:
        frame, idx = slot_index(slot)
        step = recorder.writer_before(facts.at, frame, idx)
        was = value_at(recorder.raw_before(step), frame, idx) if step >= 0 else None
        if isinstance(was, StackSlot) and was.slot_type[7] in _KEPT:
            insn_idx = recorder.insn_idx(step)
            return Advice(
                f"{recorder.called(insn_idx) or 'the call'}() in {facts.where(insn_idx)} ended what {slot} held; "
                "it is used again here.",
                "one call that ends it, after all uses",
                CauseKind.USED_AFTER_RELEASE,
                step,
            )
    return None


_LOST = frozenset(
    {
        CauseKind.LOST_AT_CALL, CauseKind.USED_AFTER_RELEASE, CauseKind.WRONG_BRANCH, CauseKind.CHECK_ON_ANOTHER_PATH,
    }
)  # fmt: skip


def _never_written(facts: Facts) -> Advice:
    """A register without a value: never written on this path, or lost at a call."""
    frame, idx = slot_index(facts.name) if facts.name else (0, 0)
    recorder = facts.recorder
    writer = recorder.writer_before(facts.at, frame, idx)
    if writer >= 0 and recorder.insns[recorder.insn_idx(writer)].code == o.JMP | o.CALL and 0 < idx < 6:
        callee = recorder.called(recorder.insn_idx(writer)) or "the function"
        variable = passed_uninitialised(facts, idx)
        if variable:
            return Advice(
                f"On this path nothing gives {variable} a value before it is used here: the compiler takes whatever is "
                f"in {facts.name}, and there is nothing in it after the call of {callee}().",
                f"a value for {variable} on every path that leads here",
                CauseKind.UNINITIALISED,
            )
        return Advice(
            f"{callee}() in {facts.where(recorder.insn_idx(writer))} leaves nothing in {facts.name}: r1 to r5 do not "
            "survive a call.",
            "",
            CauseKind.LOST_AT_CALL,
            writer,
        )
    return Advice(f"On this path nothing was ever written to {facts.name}.", "", CauseKind.UNINITIALISED)
