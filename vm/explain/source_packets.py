"""Comparisons in the C source with the end of the packet: of the pointer that is used, or of another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vm.csource import root_of, syntax_of
from vm.explain.facts import Advice, Facts
from vm.explain.in_source import (
    ORDERS,
    Own,
    Subject,
    after_use,
    another_path,
    assignments,
    compiled_away,
    own_of,
    said_of,
    shown,
    subject,
    wrong_side,
)
from vm.explain.source_nulls import null_check_of, of_another_pointer
from vm.namedtuples import NamedTuple
from vm.trace.root_cause import CauseKind

if TYPE_CHECKING:
    from vm.csource.syntax import Check, Comparison, Function


class PacketCheck(NamedTuple):
    """A comparison of a packet pointer with its end. whole -- for the whole object that the pointer points to."""

    own: Own
    name: str
    whole: bool


def packet_checks(facts: Facts, argument: int = 0) -> tuple[Subject | None, list[PacketCheck]]:
    """The comparisons in the source of the packet pointer that is used, the last first."""
    found = subject(facts, argument)
    if found is None or not found.pointers:
        return None, []
    for name in dict.fromkeys(root_of(pointer) for pointer in reversed(found.pointers)):
        checks = list(_packet_checks_of(facts, found.function, name, found.start))
        if checks:
            return found, checks
    return found, []


def _packet_checks_of(facts: Facts, function: Function, name: str, use: int) -> Iterator[PacketCheck]:
    given, _ = assignments(function, name, use)
    since = given.start if given is not None else -1
    for check in reversed(function.checks):
        if check.end <= since:
            continue
        for each in check.comparisons:
            side = compared_side(function, each, name)
            if side:
                yield PacketCheck(own_of(facts, check, each, use), name, _is_whole(side))


def _is_whole(side: str) -> bool:
    """Whether a side of a comparison is the end of the object that its pointer points to."""
    name = root_of(side)
    return side in (f"{name}+1", f"1+{name}", f"{name}+sizeof(*{name})") or "sizeof(struct" in side


def is_end(function: Function, name: str) -> bool:
    """Whether a variable holds the packet's end."""
    return "end" in name or any(a.name == name and "data_end" in a.fields for a in function.assignments)


def compared_side(function: Function, comparison: Comparison, name: str) -> str:
    """The side of a comparison with the packet's end that starts from a variable, "" if none does."""
    if comparison.operator not in ORDERS:
        return ""
    for side, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
        if root_of(side) == name and is_end(function, root_of(other)) and not is_end(function, name):
            return side
    return ""


def packet_check(facts: Facts, proven: int, argument: int = 0) -> Advice | None:
    """What the source says of a packet access of which too little is proven.

    proven -- bytes that comparisons on the path prove for pointers with the same offset; -1: none is of such a pointer
    """
    found, checks = packet_checks(facts, argument)
    if found is None:
        return None
    before = [each for each in checks if each.own.check.start < found.start]
    after = [each for each in checks if each.own.check.start > found.start]
    if before:
        return _before_use(before[0], proven)
    if after and not after[0].own.check.loop:
        return after_use(after[0].own.check, after[0].name)
    return _in_callee(facts, found) or _of_other_bytes(facts, found)


def _in_callee(facts: Facts, found: Subject) -> Advice | None:
    """A comparison in the function that returned the pointer, and what becomes of its result."""
    name = root_of(found.pointers[-1])
    given, _ = assignments(found.function, name, found.start)
    callee = syntax_of(facts.env.program.source).function_named(given.calls) if given is not None else None
    if callee is None:
        return None
    for line, value in callee.returns:
        start = syntax_of(facts.env.program.source).offset(line, 1)
        for each in _packet_checks_of(facts, callee, root_of(value), start + 1) if root_of(value) else ():
            told = _before_use(each, 0) if each.own.check.start < start else None
            if told is not None:
                return told
            checked = null_check_of(facts, found.function, name, found.start)
            if checked is not None and checked.kind is not CauseKind.LOST_IN_COMPILATION:
                return checked
            return of_another_pointer(facts, found, name) if checked is None else None
    return None


def _before_use(found: PacketCheck, proven: int) -> Advice | None:
    own, name = found.own, found.name
    if own.truth is None:
        return another_path(own)
    if own.truth is not own.comparison.below(name):
        return wrong_side(own, name)
    if not found.whole:
        return Advice(
            f"{said_of(own)} asks for fewer bytes than are accessed.",
            "",
            CauseKind.CHECK_TOO_WEAK,
            check=shown(own.check),
        )
    if proven >= 0:
        return None
    if own.walked:
        return Advice(
            f"The source compares {name} in line {own.check.line} ({own.check.text}), but the compiler computed the "
            "pointer twice and compares the one while it accesses through the other: to the verifier these are two "
            "pointers, each with an offset of its own.",
            f"one computation of {name} for the comparison and the access: barrier_var({name}) after it is computed, "
            "or an offset that is bounded before it is added",
            CauseKind.LOST_IN_COMPILATION,
            check=shown(own.check),
        )
    return compiled_away(own, name) if own.removed else another_path(own)


def _of_other_bytes(facts: Facts, found: Subject) -> Advice | None:
    """A comparison between where the pointer got its value and its use, for a pointer that was compared already."""
    function, name = found.function, root_of(found.pointers[-1])
    given, _ = assignments(function, name, found.start)
    if given is None:
        return None
    for check in function.checks:
        if not given.start < check.start < found.start:
            continue
        for each in check.comparisons:
            sides = [s for s in (root_of(each.left), root_of(each.right)) if s and compared_side(function, each, s)]
            again = any(
                c.start < check.start and any(compared_side(function, e, side) for e in c.comparisons)
                for c in function.checks
                for side in sides
            )
            if name not in check.mentioned and again:
                return Advice(
                    f"The comparison in line {check.line} ({check.text}) is for other bytes, which are proven already; "
                    f"what is accessed in line {found.line} is {name}.",
                    f"the comparison of {name} with data_end",
                    CauseKind.CHECK_OF_ANOTHER_VALUE,
                    check=shown(check),
                )
    return None


def asks_for_its_own(check: Check) -> bool:
    """Whether a packet comparison asks for the whole object that its own pointer points to."""
    return any(
        each.operator in ORDERS and (_is_whole(side) or "sizeof(*" in side)
        for each in check.comparisons
        for side in (each.left, each.right)
    )
