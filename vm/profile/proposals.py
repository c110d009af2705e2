"""Changes of an accepted C source that may shorten its walk. Each is compiled and verified before it is proposed.

A change must not alter the behaviour of the program: only transformations that C permits are proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.csource.tree import CTree
from vm.profile.profile import Profile
from vm.repair.candidate import Candidate, replaced
from vm.repair.loops import as_bpf_for, is_plain

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_PROPOSALS: Final = 24
_PLACES: Final = 4
"""Functions, and loops, that are looked at."""
_SPECIFIER: Final = re.compile(
    r"\s*(?:static|inline|__inline__|__inline|__always_inline|__noinline|__attribute__\s*\(\(\s*(?:__)?"
    r"(?:always_inline|noinline)(?:__)?\s*\)\))"
)
_UNROLL: Final = re.compile(
    r"^[ \t]*#[ \t]*pragma[ \t]+(?:clang[ \t]+loop[ \t]+unroll|(?:GCC[ \t]+)?unroll)\b[^\n]*\n", re.M
)
_NUMBER: Final = re.compile(r"\d+[uUlL]*|0x[0-9a-fA-F]+[uUlL]*")

_ONCE: Final = "The verifier walks a global function once, for any arguments, and not again at each call."
_APART: Final = (
    "A function that is not inlined has a frame of its own: what it leaves in registers does not tell states apart."
)
_ROLLED: Final = "The rounds of a loop that is not unrolled share instructions, at which states can be compared."
_UNROLLED: Final = "Without the jump back there is no state for each round that has to be stored and compared."
_UNKNOWN: Final = (
    "States that differ only in a known number do not cover each other; a number read from a global variable is not "
    "known to the verifier."
)


class Ground(NamedTuple):
    """Input of the proposals. name -- of the program's function."""

    tree: CTree
    profile: Profile
    name: str

    def cost(self, node: Node) -> int:
        """Visits of the lines of a node."""
        first, last = self.tree.line(node.start_byte), self.tree.line(max(node.start_byte, node.end_byte - 1))
        return sum(
            row.insns
            for row in self.profile.lines
            if not row.file and row.line is not None and first <= row.line <= last
        )


def proposals(ground: Ground) -> list[Candidate]:
    """Changes that may help, most promising first, without duplicates, at most MAX_PROPOSALS."""
    found: dict[object, Candidate] = {}
    for each in islice(_all(ground), 4 * MAX_PROPOSALS):
        found.setdefault(each.edits, each)
    return list(found.values())[:MAX_PROPOSALS]


def _all(ground: Ground) -> Iterator[Candidate]:
    loops, functions = _loops(ground), _functions(ground)
    for loop in loops:
        if _counts_only(ground.tree, loop):
            yield from as_bpf_for(ground.tree, loop)
    for function in functions:
        yield from _apart(ground.tree, function)
    for loop in loops:
        yield from _pragmas(ground.tree, loop)
    for loop in loops:
        yield from _from_unknown(ground.tree, loop)


# -- functions -------------------------------------------------------------


def _functions(ground: Ground) -> list[Node]:
    """Functions that are called several times or in a loop, the most expensive first."""
    tree = ground.tree
    calls: dict[str, int] = {}
    for node in tree.find(tree.root, "call_expression"):
        called = node.child_by_field_name("function")
        if called is not None and called.type == "identifier":
            looped = tree.up(node, "for_statement", "while_statement", "do_statement") is not None
            calls[tree.of(called)] = calls.get(tree.of(called), 0) + (2 if looped else 1)
    found = [
        (ground.cost(node), node)
        for name, node in tree.functions.items()
        if name != ground.name and calls.get(name, 0) > 1 and not tree.in_macro(node)
    ]
    return [node for cost, node in sorted(found, key=lambda each: -each[0]) if cost][:_PLACES]


def _apart(tree: CTree, function: Node) -> Iterator[Candidate]:
    """An inlined or static function becomes a global one, which the verifier walks separately."""
    kind = function.child_by_field_name("type")
    if kind is None:
        return
    start = tree.source.rfind("\n", 0, kind.start_byte) + 1
    head = tree.source[start : kind.start_byte]
    at = 0
    while found := _SPECIFIER.match(head, at):
        at = found.end()
    if head[at:].strip() or "static" not in head[:at]:
        return
    indent = head[: len(head) - len(head.lstrip())]
    name = tree.function_name(function)
    end = start + at
    inlined = "__noinline" not in head and "noinline" not in head
    yield Candidate(
        f"Make {name}() a global function", _ONCE, (tree.edit(start, end, f"{indent}__attribute__((noinline))"),)
    )
    if inlined:
        yield Candidate(
            f"Do not inline {name}()", _APART, (tree.edit(start, end, f"{indent}static __attribute__((noinline))"),)
        )


# -- loops -----------------------------------------------------------------


def _loops(ground: Ground) -> list[Node]:
    """The loops with most visits, most expensive first; inner loops before outer ones."""
    tree = ground.tree
    found = [
        (ground.cost(node), node)
        for node in tree.find(tree.root, "for_statement")
        if is_plain(tree, node) and not tree.in_macro(node)
    ]
    found.sort(key=lambda each: (-each[0], -each[1].start_byte))
    return [node for cost, node in found if cost][:_PLACES]


def _counter(tree: CTree, loop: Node) -> str:
    """The variable that a loop increments by one, "" if there is none."""
    update = loop.child_by_field_name("update")
    found = re.fullmatch(r"(\w+)\+\+|\+\+(\w+)|(\w+) ?\+= ?1", tree.of(update).strip()) if update is not None else None
    return next((name for name in found.groups() if name), "") if found else ""


def _counts_only(tree: CTree, loop: Node) -> bool:
    """Whether the number of iterations is fixed before the first one: the body changes neither counter nor bound."""
    counter = _counter(tree, loop)
    condition, body = loop.child_by_field_name("condition"), loop.child_by_field_name("body")
    if not counter or condition is None or body is None or condition.type != "binary_expression":
        return False
    if any(True for _ in tree.find(condition, "call_expression", "field_expression", "subscript_expression")):
        return False
    fixed = tree.names(condition) | {counter}
    return not fixed & _assigned(tree, body) and not _used_after(tree, loop, counter)


def _assigned(tree: CTree, node: Node) -> set[str]:
    """Variables that are assigned, in whole or in part, or whose address is taken."""
    found: set[str] = set()
    for each in tree.find(node, "assignment_expression", "update_expression", "pointer_expression"):
        if each.type == "pointer_expression" and not tree.of(each).startswith("&"):
            continue
        target = each.child_by_field_name("left") or each.child_by_field_name("argument")
        while target is not None and target.type != "identifier":
            inner = target.child_by_field_name("argument")
            target = inner if inner is not None else next(iter(target.named_children), None)
        if target is not None:
            found.add(tree.of(target))
    return found


def _used_after(tree: CTree, loop: Node, counter: str) -> bool:
    """Whether the counter may be read after the loop: bpf_for() leaves a different value in it."""
    initial = loop.child_by_field_name("initializer")
    if initial is not None and initial.type == "declaration":
        return False
    function = tree.function(loop)
    return function is None or any(
        tree.of(node) == counter
        and (
            node.start_byte >= loop.end_byte
            or tree.up(loop.parent, "for_statement", "while_statement", "do_statement") is not None
        )
        for node in tree.find(function, "identifier")
        if not loop.start_byte <= node.start_byte < loop.end_byte
    )


def _pragmas(tree: CTree, loop: Node) -> Iterator[Candidate]:
    """Unrolls a loop that is not unrolled, and the reverse."""
    start = tree.source.rfind("\n", 0, loop.start_byte) + 1
    if tree.source[start : loop.start_byte].strip():
        return
    line = tree.line(loop.start_byte)
    before = tree.source.rfind("\n", 0, max(start - 1, 0)) + 1
    found = _UNROLL.match(tree.source, before)
    indent = tree.indent(loop)
    rolled = f"{indent}#pragma clang loop unroll(disable)\n"
    if found is not None and found.end() == start:
        if "disable" not in found[0]:
            edit = tree.edit(found.start(), found.end(), rolled)
            yield Candidate(f"Do not unroll the loop in line {line}", _ROLLED, (edit,))
        return
    yield Candidate(f"Do not unroll the loop in line {line}", _ROLLED, (tree.edit(start, start, rolled),))
    unrolled = f"{indent}#pragma clang loop unroll(full)\n"
    yield Candidate(f"Unroll the loop in line {line}", _UNROLLED, (tree.edit(start, start, unrolled),))


def _from_unknown(tree: CTree, loop: Node) -> Iterator[Candidate]:
    """Initializes variables that a loop carries with a zero that the verifier does not know."""
    function, body = tree.function(loop), loop.child_by_field_name("body")
    if function is None or body is None:
        return
    zero = _fresh(tree, "unknown_zero")
    top = tree.source.rfind("\n", 0, function.start_byte) + 1
    declared = tree.edit(top, top, f"volatile int {zero}; /* is never written */\n\n")
    carried = _assigned(tree, body)
    places: dict[str, Node] = {}
    for node in tree.find(function, "init_declarator", "assignment_expression"):
        if node.start_byte > loop.start_byte and not _is_initial(loop, node):
            continue
        left = node.child_by_field_name("declarator") or node.child_by_field_name("left")
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        name = tree.of(left) if left is not None and left.type == "identifier" else ""
        counts = bool(name) and name == _counter(tree, loop)
        if name and value is not None and (name in carried or counts) and re.fullmatch(_NUMBER, tree.of(value)):
            places[name] = value
    for name, value in list(places.items())[:3]:
        text = tree.of(value)
        text = zero if text == "0" else f"{text} + {zero}"
        yield Candidate(
            f"Begin {name} with a value that the verifier does not know",
            _UNKNOWN,
            (declared, replaced(tree, value, text)),
        )


def _is_initial(loop: Node, node: Node) -> bool:
    initial = loop.child_by_field_name("initializer")
    return initial is not None and initial.start_byte <= node.start_byte < initial.end_byte


def _fresh(tree: CTree, wanted: str) -> str:
    """A new name that the source does not use."""
    used = set(re.findall(r"\w+", tree.text.code))
    name, n = wanted, 2
    while name in used:
        name, n = f"{wanted}{n}", n + 1
    return name
