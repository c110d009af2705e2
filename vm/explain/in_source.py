"""What the C source says at a rejection: the expression that is used, and what became of the comparisons of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.csource import root_of, syntax_of
from vm.explain.facts import Advice, Facts, in_program, is_branch
from vm.namedtuples import NamedTuple
from vm.trace.root_cause import CauseKind, SourceCheck

if TYPE_CHECKING:
    from vm.csource.syntax import Assignment, Check, Comparison, Function, Use

ORDERS: Final = ("<", "<=", ">", ">=")


class Subject(NamedTuple):
    """What the rejected instruction uses, as the source has it.

    start -- byte offset of the expression; pointers -- what is accessed through; names -- variables that decide where;
    offsets -- whole expressions that are added to the pointers, or the argument at fault
    """

    function: Function
    start: int
    line: int
    pointers: tuple[str, ...]
    names: frozenset[str]
    offsets: tuple[str, ...]


class Own(NamedTuple):
    """A comparison of the subject itself. truth -- whether it holds where the subject is used; None: on some paths.

    removed -- the compiler left no conditional jump on the lines of its condition
    walked  -- whether the path goes through one of those jumps
    """

    check: Check
    comparison: Comparison
    truth: bool | None
    removed: bool
    walked: bool


def subject(facts: Facts, argument: int = 0) -> Subject | None:
    """The expression at the rejected instruction, None where there is no source.

    argument -- of a call: 1 to 5, which one is at fault
    """
    info = facts.line_info(facts.env.insn_idx)
    source = facts.env.program.source
    if not source or info is None or not in_program(info):
        return None
    syntax = syntax_of(source)
    function = syntax.function_at(info.line)
    if function is None:
        return None
    use = syntax.use_at(info.line, info.column)
    if use is None:
        return Subject(function, syntax.offset(info.line, info.column), info.line, (), frozenset(), ())
    if use.arguments and argument:
        if argument > len(use.arguments):
            return Subject(function, use.start, use.line, (), frozenset(), ())
        start, use = use.start, use.arguments[argument - 1]
        use = use._replace(start=start)
    names = use.indexes or frozenset(map(root_of, use.pointers))
    return Subject(function, use.start, use.line, use.pointers, names, use.offsets)


def use_of(facts: Facts, insn_idx: int) -> Use | None:
    """The expression of the source at an instruction."""
    info = facts.line_info(insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return None
    return syntax_of(facts.env.program.source).use_at(info.line, info.column)


def checks_at(facts: Facts, insn_idx: int) -> tuple[Check, ...]:
    """The conditions of the source that a jump may come from."""
    info = facts.line_info(insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return ()
    function = syntax_of(facts.env.program.source).function_at(info.line)
    if function is None:
        return ()
    return tuple(check for check in function.checks if check.line <= info.line <= check.end_line)


def assignments(
    function: Function, name: str, before: int, without: frozenset[int] = frozenset()
) -> tuple[Assignment | None, tuple[Assignment, ...]]:
    """(what gave a variable its last value before an offset, the changes of that value since)."""
    found = [a for a in function.assignments if a.name == name and a.start < before and a.start not in without]
    given = next((a for a in reversed(found) if not a.updates), None)
    since = given.start if given is not None else -1
    return given, tuple(a for a in found if a.updates and a.start > since)


def shown(check: Check) -> SourceCheck:
    return SourceCheck(check.line, check.text)


def branches_of(facts: Facts, check: Check) -> tuple[int, ...]:
    """The conditional jumps that the compiler made of a condition, as far as line info shows."""
    return tuple(idx for idx in facts.insns_of(check.line, check.end_line) if is_branch(facts.env.insns[idx]))


def walked(facts: Facts, insns: tuple[int, ...]) -> int:
    """The last step of the path that visits one of the instructions, -1 if none does."""
    return max((facts.visited.get(insn, -1) for insn in insns), default=-1)


def own_of(facts: Facts, check: Check, comparison: Comparison, use: int) -> Own:
    jumps = branches_of(facts, check)
    return Own(check, comparison, check.truth_at(use), not jumps, walked(facts, jumps) >= 0)


def said_of(own: Own) -> str:
    return f"The comparison in line {own.check.line} ({own.check.text})"


def wrong_side(own: Own, name: str) -> Advice:
    return Advice(
        f"{said_of(own)} is the wrong way round: {name} is used where it has the value that the comparison should "
        "keep out.",
        "the opposite comparison, or the use on its other side",
        CauseKind.WRONG_BRANCH,
        check=shown(own.check),
    )


def another_path(own: Own) -> Advice:
    return Advice(
        f"{said_of(own)} is not decided on every path: the program comes to the use without it as well.",
        "the comparison on every path that leads to the use",
        CauseKind.CHECK_ON_ANOTHER_PATH,
        check=shown(own.check),
    )


def after_use(check: Check, name: str) -> Advice:
    return Advice(
        f"The comparison in line {check.line} ({check.text}) comes after the use.",
        f"the comparison of {name} before it is used",
        CauseKind.CHECK_AFTER_USE,
        check=shown(check),
    )


def changed(change: Assignment, own: Own) -> Advice:
    return Advice(
        f"{said_of(own)} is of what {change.name} was before line {change.line} changed it.",
        f"the comparison of {change.name} after its last change",
        CauseKind.LOST_IN_ARITHMETIC,
        check=SourceCheck(change.line, ""),
    )


def compiled_away(own: Own, name: str) -> Advice:
    needed = f"the comparison written so that the compiler keeps it: barrier_var({name}) before it, or a mask"
    if own.removed:
        return Advice(
            f"The source compares {name} in line {own.check.line} ({own.check.text}), but the compiler left no "
            "comparison of it: to the compiler it was always true or false, or it made one comparison of this one and "
            "others.",
            needed,
            CauseKind.LOST_IN_COMPILATION,
            check=shown(own.check),
        )
    return Advice(
        f"The source compares {name} in line {own.check.line} ({own.check.text}), but the compiler made of it a "
        "comparison of another register: of a number that it computed from this one, or that this one is computed "
        "from. What that comparison proves does not carry over to the register that is used.",
        needed,
        CauseKind.LOST_IN_COMPILATION,
        check=shown(own.check),
    )


def loop_around(facts: Facts, insn_idx: int) -> Check | None:
    """The condition of the innermost loop in the source that an instruction belongs to."""
    info = facts.line_info(insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return None
    syntax = syntax_of(facts.env.program.source)
    function, at = syntax.function_at(info.line), syntax.offset(info.line, info.column)
    if function is None:
        return None
    around = [c for c in function.checks if c.loop and (c.body[0] <= at < c.body[1] or c.start <= at < c.end)]
    return around[-1] if around else None


def return_of(facts: Facts, values: frozenset[str]) -> SourceCheck | None:
    """The return statement of the function at the rejected instruction that returns one of the values as written."""
    info = facts.line_info(facts.env.insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return None
    function = syntax_of(facts.env.program.source).function_at(info.line)
    lines = [line for line, value in function.returns if value in values] if function is not None else []
    return SourceCheck(lines[0], "") if lines else None


def only_return(facts: Facts, low: int, high: int) -> SourceCheck | None:
    """The return statement at the rejected instruction that returns no constant of a range, if there is just one."""
    info = facts.line_info(facts.env.insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return None
    function = syntax_of(facts.env.program.source).function_at(info.line)
    returns = function.returns if function is not None else ()
    lines = [line for line, value in returns if not (_is_number(value) and low <= int(value, 0) <= high)]
    return SourceCheck(lines[0], "") if len(lines) == 1 else None


def returns_only(facts: Facts, low: int, high: int) -> bool:
    """Whether every return statement of the function at the rejected instruction returns a constant of a range."""
    info = facts.line_info(facts.env.insn_idx)
    if not facts.env.program.source or info is None or not in_program(info):
        return False
    function = syntax_of(facts.env.program.source).function_at(info.line)
    values = [value for _, value in function.returns] if function is not None else []
    return len(values) > 1 and all(_is_number(value) and low <= int(value, 0) <= high for value in values)


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isdigit() and (digits == "0" or not digits.startswith("0"))


def passed_uninitialised(facts: Facts, argument: int) -> str:
    """The local variable that is an argument of the call at the rejected instruction, if it has no initialiser."""
    info = facts.line_info(facts.env.insn_idx)
    source = facts.env.program.source
    if not source or info is None or not in_program(info) or not info.column:
        return ""
    use = syntax_of(source).use_at(info.line, info.column)
    function = syntax_of(source).function_at(info.line)
    if use is None or function is None or not 1 <= argument <= len(use.arguments):
        return ""
    offsets = use.arguments[argument - 1].offsets
    name = offsets[0] if len(offsets) == 1 else ""
    if not name.isidentifier() or name in function.params:
        return ""
    given = [a for a in function.assignments if a.name == name and a.start < use.start]
    return name if given and not (given[0].names or given[0].calls or given[0].updates) else ""
