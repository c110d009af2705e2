"""Comparisons with NULL in the C source: of the pointer that is used, of another one, before or after the use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.csource import root_of, syntax_of
from vm.explain.facts import Advice, Facts, in_program
from vm.explain.in_source import (
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
from vm.isa import opcodes as o
from vm.trace.root_cause import CauseKind, SourceCheck

if TYPE_CHECKING:
    from vm.csource.syntax import Function


def null_check(facts: Facts, argument: int = 0, given_at: int = -1) -> Advice | None:
    """What the source's comparisons with NULL say of a pointer that is used and may be NULL.

    given_at -- the call that returned the pointer: the variable that it is assigned to is the one to be compared
    """
    found = subject(facts, argument)
    if found is None:
        return None
    info = facts.line_info(given_at) if given_at >= 0 else None
    given = None
    if info is not None and in_program(info):
        given = next((a for a in found.function.assignments if a.line == info.line and a.calls), None)
    loaded = given_at >= 0 and facts.env.insns[given_at].code & 0x07 == o.LDX and "->" in "".join(found.pointers[:1])
    pointers = (given.name,) if given is not None else found.pointers[:1] if loaded else found.pointers
    for pointer in pointers:
        told = null_check_of(facts, found.function, pointer, found.start)
        if told is not None:
            return told
    return of_another_pointer(facts, found, pointers[-1]) if pointers else None


def null_at_use(facts: Facts, argument: int = 0) -> Advice | None:
    """A pointer that is used where a comparison with NULL says that it is NULL, or lets it be."""
    found = subject(facts, argument)
    if found is None:
        return None
    for name in dict.fromkeys(root_of(pointer) for pointer in found.pointers):
        given, _ = assignments(found.function, name, found.start)
        if name not in found.function.params and (given is None or not given.calls):
            continue
        told = null_check_of(facts, found.function, name, found.start)
        if told is not None and told.kind in (CauseKind.WRONG_BRANCH, CauseKind.CHECK_ON_ANOTHER_PATH):
            return told
    return None


def pointer_given(facts: Facts, argument: int = 0) -> SourceCheck | None:
    """Where the variable that is accessed through got its value."""
    found = subject(facts, argument)
    if found is None or not found.pointers:
        return None
    given, _ = assignments(found.function, root_of(found.pointers[-1]), found.start)
    return SourceCheck(given.line, "") if given is not None else None


def null_check_of(facts: Facts, function: Function, pointer: str, use: int) -> Advice | None:
    """The comparisons with NULL of an expression that is used at a place of the text."""
    tests = [(c, each) for c in function.checks for each in c.comparisons if each.tests_null() == pointer]
    given, _ = assignments(function, pointer, use)
    since = given.start if given is not None else -1
    before = [(c, each) for c, each in tests if since < c.end and c.start < use]
    if before:
        own = own_of(facts, *before[-1], use)
        if own.check.start <= use < own.check.end:
            return after_use(own.check, pointer)  # `*p && p`: what is tested first is used first
        if own.truth is None:
            return _goes_on(own, pointer, use) or another_path(own)
        if own.truth is own.comparison.says_null():
            return wrong_side(own, pointer)
        earlier = [at for name, at in function.accessed if name == pointer and since < at < own.check.start]
        if own.removed and earlier:
            return after_use(own.check, pointer)
        return compiled_away(own, pointer) if own.removed or own.walked else another_path(own)
    after = [c for c, _ in tests if c.start > use]
    if after:
        return after_use(after[0], pointer)
    if tests and given is not None:
        check = tests[-1][0]
        return Advice(
            f"The comparison in line {check.line} ({check.text}) is of what {pointer} was before: line {given.line} "
            "gives it a new value, which nothing compares with NULL.",
            f"the comparison of {pointer} with NULL after line {given.line}",
            CauseKind.CHECK_OF_ANOTHER_VALUE,
            check=shown(check),
        )
    return None


def _goes_on(own: Own, pointer: str, use: int) -> Advice | None:
    """A comparison that finds NULL, and whose branch goes on to the use instead of leaving."""
    check = own.check
    behind = check.body[1] <= use < check.scope[1] and not check.exits and not check.loop
    if not behind or check.joined or not own.comparison.says_null():
        return None
    return Advice(
        f"{said_of(own)} finds that {pointer} is NULL, but its branch does not leave: the program goes on to the use "
        "all the same.",
        f"a branch that leaves where {pointer} is NULL, by return, goto, break or continue",
        CauseKind.WRONG_BRANCH,
        check=shown(check),
    )


def wrong_null_check(facts: Facts, line: int) -> Advice | None:
    """The comparison that leaves the path on which what a line assigns is not NULL."""
    source = facts.env.program.source
    function = syntax_of(source).function_at(line) if source else None
    if function is None:
        return None
    given = next((a for a in function.assignments if a.line == line and a.calls), None)
    if given is None:
        return None
    for check in function.checks:
        for each in check.comparisons:
            if each.tests_null() == given.name and check.end > given.start and check.exits and check.joined == "":
                if each.says_null():
                    return None
                return wrong_side(own_of(facts, check, each, check.end), given.name)
    return None


def of_another_pointer(facts: Facts, found: Subject, pointer: str) -> Advice | None:
    """A comparison with NULL between where the pointer got its value and its use that its own pointer does not need."""
    function = found.function
    given, _ = assignments(function, pointer, found.start)
    if given is None:
        return None
    for check in function.checks:
        if not given.start < check.start < found.start:
            continue
        for each in check.comparisons:
            other = each.tests_null()
            if other == pointer or not other.isidentifier():
                continue
            own, _ = assignments(function, other, check.start)
            since = own.start if own is not None else -1
            tested = any(
                since < c.start < check.start and any(e.tests_null() == other for e in c.comparisons)
                for c in function.checks
            )
            if tested or other in function.params:
                return Advice(
                    f"The comparison in line {check.line} ({check.text}) is of {other}; what is used in line "
                    f"{found.line} is {pointer}, which nothing compares with NULL.",
                    f"the comparison of {pointer} with NULL",
                    CauseKind.CHECK_OF_ANOTHER_VALUE,
                    check=shown(check),
                )
    return None
