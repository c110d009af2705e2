"""Comparisons in the C source that bound a number: of just what is used, as it is or cast, before or after the use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.explain.facts import Advice, Facts
from vm.explain.in_source import (
    ORDERS,
    Own,
    Subject,
    after_use,
    another_path,
    assignments,
    changed,
    compiled_away,
    own_of,
    said_of,
    shown,
    subject,
    wrong_side,
)
from vm.trace.root_cause import CauseKind, SourceCheck

if TYPE_CHECKING:
    from vm.csource.syntax import Assignment, Check, Function

_SIGNED: Final = ("int", "long", "short", "char", "s8", "s16", "s32", "s64")


def own_bounds(facts: Facts, argument: int = 0) -> Iterator[tuple[Own, str, tuple[Assignment, ...]]]:
    """Comparisons of just what is used, before its use: with the name, and its changes between comparison and use."""
    found = subject(facts, argument)
    if found is None:
        return
    function = found.function
    for offset in found.offsets:
        if not offset.isidentifier():
            continue
        given, changes = assignments(function, offset, found.start, _clamps(function, offset))
        if given is None and offset not in function.params:
            continue  # a variable in memory: its value may change between two reads
        since = given.start if given is not None else -1
        for check in reversed(function.checks):
            if not since < check.end or check.start > found.start:
                continue
            for each in check.comparisons:
                if each.operator in ORDERS and offset in (each.left, each.right):
                    inside = tuple(c for c in changes if check.end < c.start)
                    own = own_of(facts, check, each, found.start)
                    if any(check.body[0] <= at < check.body[1] for at in _clamps(function, offset)):
                        own = own._replace(truth=each.below(offset))  # it is smaller, or made so
                    yield own, offset, () if check.loop else inside


def _clamps(function: Function, name: str) -> frozenset[int]:
    """Where assignments of a variable stand that a comparison of it decides on: `if (n > MAX) n = MAX;`."""
    return frozenset(
        a.start
        for a in function.assignments
        if a.name == name and not a.updates
        for c in function.checks
        if not c.loop
        and c.body[0] <= a.start < c.body[1]
        and any(each.operator in ORDERS and name in (each.left, each.right) for each in c.comparisons)
    )


def bounds_above(own: Own, name: str) -> bool:
    """Whether a comparison is there to bound a variable from above: the use is on the side of the smaller values."""
    other = own.comparison.right if own.comparison.left == name else own.comparison.left
    return not other.lstrip("-").isdigit() or int(other) > 1


def wrong_bound(facts: Facts, argument: int = 0) -> Advice | None:
    """A comparison of what is used that is the wrong way round, not on every path, or of what it was before."""
    for own, name, changes in own_bounds(facts, argument):
        if not bounds_above(own, name):
            continue
        if own.truth is None:
            return another_path(own)
        if own.truth is not own.comparison.below(name):
            return wrong_side(own, name)
        if changes:
            return changed(changes[-1], own)
        return None
    return None


def cast_bound(facts: Facts, argument: int = 0) -> Advice | None:
    """A comparison of what is used that is cast to another type for it."""
    for own, name, _ in own_bounds(facts, argument):
        cast = own.comparison.cast
        if not cast or not bounds_above(own, name):
            continue
        signed = "unsigned" not in cast and any(word.strip("_") in _SIGNED for word in cast.split())
        what = "as a signed number" if signed else "after the cast takes bits away"
        return Advice(
            f"{said_of(own)} is of {name} as {cast}: it bounds the number {what}, and {name} is used without the cast.",
            f"the comparison of {name} itself",
            CauseKind.WRONG_SIGN if signed else CauseKind.WRONG_WIDTH,
            check=shown(own.check),
        )
    return None


def source_of_bound(facts: Facts, argument: int = 0) -> SourceCheck | None:
    """The comparison in the source that bounds what is used from above."""
    for own, name, _ in own_bounds(facts, argument):
        if bounds_above(own, name):
            return shown(own.check)
    return None


def source_of_mask(facts: Facts, argument: int = 0) -> SourceCheck | None:
    """Where what is used was masked, if it is a variable that a mask was assigned to."""
    found = subject(facts, argument)
    for offset in found.offsets if found is not None else ():
        given = [a for a in found.function.assignments if a.name == offset and a.masks] if found is not None else []
        if given:
            return SourceCheck(given[-1].line, "")
    return None


def compiled_bound(facts: Facts, argument: int = 0) -> Advice | None:
    """A comparison of just what is used, of which the code compares something else, or nothing.

    To be asked where no comparison of the value itself was found on the path.
    """
    for own, name, _ in own_bounds(facts, argument):
        if bounds_above(own, name) and not own.check.loop:
            return compiled_away(own, name)
    return None


def other_check(facts: Facts, argument: int = 0) -> Advice | None:
    """A comparison of what is used that comes after the use."""
    found = subject(facts, argument)
    if found is None or not found.names:
        return None
    for check in found.function.checks:
        if check.start <= found.start or check.loop or not found.names:
            continue
        if any(each.operator in ORDERS and each.names & found.names for each in check.comparisons):
            inside = check.start < found.start < check.end or _spans(check, found)
            if not inside:
                return after_use(check, ", ".join(sorted(found.names)))
    return None


def _spans(check: Check, found: Subject) -> bool:
    """Whether the use itself is a part of the condition."""
    return check.line <= found.line <= check.end_line


def loop_check(facts: Facts, said: str, argument: int = 0) -> Advice | None:
    """The condition of a loop that the compiler unrolled: of a variable that the expression at fault uses."""
    found = subject(facts, argument)
    if found is None:
        return None
    loops = [c for c in found.function.checks if c.loop and c.truth_at(found.start) and c.names & found.names]
    if not loops:
        return None
    check = loops[-1]
    return Advice(
        f"{said} The condition of the loop in line {check.line} ({check.text}) lets {', '.join(sorted(found.names))} "
        "become that large.",
        "",
        CauseKind.CHECK_TOO_WEAK,
        check=shown(check),
    )
