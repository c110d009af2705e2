"""Comparisons in the functions that call the one at fault."""

from __future__ import annotations

from vm.csource import syntax_of
from vm.csource.tree import CTree
from vm.explain.facts import Advice, Facts
from vm.explain.in_source import ORDERS, shown, subject
from vm.trace.root_cause import CauseKind


def checked_by_a_caller(facts: Facts, argument: int) -> Advice | None:
    """A comparison of what a caller passes to the global function at fault.

    argument -- which one of the function, from 1 on
    """
    found, source = subject(facts), facts.env.program.source
    if found is None or not _is_subprogram(facts):
        return None
    tree, name = CTree(source), found.function.name
    for call in tree.find(tree.root, "call_expression"):
        function, given = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or given is None or tree.of(function) != name:
            continue
        arguments = [each for each in given.named_children if each.type != "comment"]
        caller = syntax_of(source).function_at(tree.line(call.start_byte))
        if caller is None or argument > len(arguments):
            continue
        passed = tree.of(arguments[argument - 1])
        for check in caller.checks:
            compared = any(e.operator in ORDERS and passed in (e.left, e.right) for e in check.comparisons)
            if compared and check.line <= tree.line(call.start_byte):
                return Advice(
                    f"{name}() is a global function: the verifier checks it by itself, for every argument that it "
                    f"could be given. The comparison of {passed} in line {check.line} ({check.text}) is in its caller, "
                    "and does not count here.",
                    f"the comparison in {name}() itself; or a static function, checked as a part of its caller",
                    CauseKind.LOST_AT_CALL,
                    check=shown(check),
                )
    return None


def _is_subprogram(facts: Facts) -> bool:
    """Whether the walk at fault is that of a global function, which starts where no other function is active."""
    starts = [info.insn_off for info in facts.env.program.func_infos if info.insn_off <= facts.env.insn_idx]
    return len(facts.recorder.raw_before(facts.at)) == 1 and max(starts, default=0) > 0
