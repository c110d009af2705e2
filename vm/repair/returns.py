"""Return values: out of range, or never set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.big_locals import constant
from vm.csource.fixes import return_fix
from vm.csource.tree import LOOPS
from vm.repair.candidate import Candidate, after, before, deleted, replaced
from vm.repair.cview import exits, fresh, stripped
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

_UNSET: Final = ("-Wuninitialized", "-Wsometimes-uninitialized", "-Wconditional-uninitialized")
_MAX_TRIES: Final = 4


def in_range(scene: Scene) -> Iterator[Candidate]:
    """Another value in the return statement that gives the one out of range."""
    tree = scene.tree
    if "minval" not in scene.values:
        return
    low, high = scene.value("minval"), scene.value("maxval")
    function = _returning(scene)
    if function is None:
        return
    nodes = [n for n in tree.find(function, "return_statement") if n.named_children and not _fits(scene, n, low, high)]
    if not nodes:
        yield from _kept_apart(scene, function)
    allowed = f"{low}" if low == high else f"between {low} and {high}"
    why = f"The value has to be {allowed}."
    if len(nodes) > 1:
        edits = [replaced(tree, n.named_children[0], _allowed(scene, n.named_children[0], low, high)) for n in nodes]
        for node, edit in list(zip(nodes, edits, strict=True))[:_MAX_TRIES]:
            yield Candidate(f"Return {edit.text} in line {tree.line(node.start_byte)}", why, (edit,))
        yield Candidate(f"Return only values that are {allowed}", why, tuple(edits))
        return
    for node in nodes:
        yield from _in_branches(scene, node, low, high)
        text = _allowed(scene, node.named_children[0], low, high)
        yield Candidate(f"Return {text}", why, (replaced(tree, node.named_children[0], text),))


def _kept_apart(scene: Scene, function: Node) -> Iterator[Candidate]:
    """Two return statements with allowed constants, which clang makes one of by a computation."""
    tree = scene.tree
    for node in tree.find(function, "return_statement"):
        head = tree.up(node, "if_statement")
        if head is None or not node.named_children or tree.of(node.named_children[0]).strip("() ") == "0":
            continue
        yield Candidate(
            f"Keep the branch of the return in line {tree.line(node.start_byte)}",
            "clang computes the result from the comparison, with a negation of which the verifier knows nothing. With "
            "an empty asm in one branch it keeps both.",
            before(tree, node, ['asm volatile("");']),
        )


def _in_branches(scene: Scene, node: Node, low: int, high: int) -> Iterator[Candidate]:
    """`c ? A : B` of two allowed numbers, which clang computes without a branch, with one."""
    tree, value = scene.tree, stripped(scene.tree, node.named_children[0])
    arms = [value.child_by_field_name(name) for name in ("condition", "consequence", "alternative")]
    condition, first, second = arms
    if value.type != "conditional_expression" or condition is None or first is None or second is None:
        return
    if tree.bare(node) or not all(_is_between(tree.of(each), low, high, scene) for each in (first, second)):
        return
    indent, step = tree.indent(node), tree.step
    head = tree.of(stripped(tree, condition))
    lines = [f"if ({head}) {{", f'{step}asm volatile("");', f"{step}return {tree.of(first)};", "}"]
    text = f"\n{indent}".join([*lines, f"return {tree.of(second)};"])
    yield Candidate(
        f"Return {tree.of(first)} and {tree.of(second)} in two branches",
        "clang computes the result from the comparison, with a negation of which the verifier knows nothing. With an "
        "empty asm in one branch it keeps both.",
        (tree.edit(node.start_byte, node.end_byte, text),),
    )


def _returning(scene: Scene) -> Node | None:
    """The function whose result is refused: the callback at fault, or the program."""
    name = scene.program.name
    for info in scene.program.func_infos:
        if info.insn_off <= scene.insn_idx:
            name = info.name
    return scene.tree.functions.get(name) or scene.function


def _fits(scene: Scene, node: Node, low: int, high: int) -> bool:
    return _is_between(scene.tree.of(node.named_children[0]), low, high, scene)


def _is_between(text: str, low: int, high: int, scene: Scene) -> bool:
    """Whether a text is a constant in a range."""
    text = text.strip("() ")
    negative = text.startswith("-")
    value = constant(scene.tree, text.lstrip("- "))
    return value is not None and low <= (-value if negative else value) <= high


def _allowed(scene: Scene, value: Node, low: int, high: int) -> str:
    tree = scene.tree
    text = tree.of(value)
    if low == high:
        return str(low)
    number = constant(tree, text.strip("() ").lstrip("- "))
    named = re.fullmatch(r"[A-Z][A-Z0-9_]*", text) is not None
    if low < 0 and high == 0:  # 0 allows, a negative errno denies
        return "-1" if number is not None or named else f"{_grouped(value, text)} ? -1 : 0"
    if (low, high) == (0, 1):
        if number is not None or named:
            function = scene.tree.function(value)
            if function is not None and not scene.is_program(function):
                return "1"  # of a callback: the loop ends
            return (
                "0" if text.strip("() ").startswith("-") or named and re.search("DROP|SHOT|DENY|ABORT", text) else "1"
            )
        return f"{_grouped(value, text)} ? 1 : 0"
    return str(max(low, 0))


def _grouped(value: Node, text: str) -> str:
    return (
        f"({text})" if value.type in ("assignment_expression", "conditional_expression", "comma_expression") else text
    )


def initialised(scene: Scene) -> Iterator[Candidate]:
    """A value for a variable that has none on this path, or a return at the function's end."""
    tree, function = scene.tree, _returning(scene)
    for line, option in scene.warnings:
        if option in ("-Wreturn-type",):
            yield from _return_at(scene, line)
    if function is None:
        return
    body = function.child_by_field_name("body")
    if body is not None and body.named_children and body.named_children[-1].type not in ("return_statement", *LOOPS):
        last = body.named_children[-1]
        for leave in exits(scene, last)[-1:]:
            if tree.returns(function) != "void":
                yield Candidate("Return a value at the end", "The function ends without a result on this path.",
                                after(tree, last, [leave]))  # fmt: skip
    used = _unset(scene)
    for place in {f.id: f for f in (scene.function, function) if f is not None}.values():
        for node, name in used:
            if not place.start_byte <= node.start_byte < place.end_byte:
                continue
            kind = tree.type_of(node, name)
            yield from _pointed_at(scene, node, name, kind)
            value = "{}" if "[" in kind or re.search(r"^(?:const )?(?:struct|union) \w+$", kind) else "NULL" if (
                "*" in kind and "NULL" in tree.source) else "0"  # fmt: skip
            at = _end_of(name)
            yield Candidate(
                f"Initialise {tree.of(name)}",
                _why_initialised(scene, tree.of(name)),
                (tree.edit(at, at, f" = {value}"),),
            )


def _pointed_at(scene: Scene, node: Node, name: Node, kind: str) -> Iterator[Candidate]:
    """The address of a local variable for a pointer that was never set to one: of one that is there, or a new one."""
    tree, function = scene.tree, scene.tree.function(node)
    pointed = re.fullmatch(r"((?:struct|union) \w+) ?\*", kind)
    at = _end_of(name)
    if pointed is None or function is None or len(node.children_by_field_name("declarator")) != 1:
        return
    why = f"{tree.of(name)} points nowhere: what it points to has to be a variable first."
    for each in tree.find(function, "declaration"):
        for child in each.children_by_field_name("declarator"):
            other = tree.declared(child)
            if other is not None and tree.type_of(each, other) == pointed[1] and each.start_byte != node.start_byte:
                text = f"{kind}{tree.of(name)} = &{tree.of(other)};"
                edits = (deleted(tree, node), *after(tree, each, [text]))
                yield Candidate(f"Let {tree.of(name)} point to {tree.of(other)}", why, edits)
    new = fresh(scene, f"{tree.of(name)}_value")
    edits = (*before(tree, node, [f"{pointed[1]} {new} = {{}};"]), tree.edit(at, at, f" = &{new}"))
    yield Candidate(f"Let {tree.of(name)} point to a variable", why, edits)


def _why_initialised(scene: Scene, name: str) -> str:
    if scene.rule.name == "stack-indirect-read-uninitialized":
        return f"The call reads all bytes of {name}, padding too, and those that were never written may not be read."
    return f"{name} has no value on this path, and what was never written may not be read."


def _return_at(scene: Scene, line: int) -> Iterator[Candidate]:
    text = scene.tree.text
    lines = scene.tree.source.split("\n")
    if 0 < line <= len(lines) and "}" in lines[line - 1]:
        fix = return_fix(text, line, lines[line - 1].index("}") + 1)
        if fix is not None:
            yield Candidate(fix.title, "The function ends without a result on this path.", fix.edits)


def _unset(scene: Scene) -> list[tuple[Node, Node]]:
    """(declaration, name) of local variables without an initializer."""
    tree = scene.tree
    found: list[tuple[Node, Node]] = []
    warned = {line for line, option in scene.warnings if option in _UNSET}
    for function in tree.functions.values():
        for node in tree.find(function, "declaration"):
            for child in node.children_by_field_name("declarator"):
                name = tree.declared(child)
                if child.type != "init_declarator" and name is not None and child.type != "function_declarator":
                    found.append((node, name))
    near = tree.names(scene.statement) if scene.statement is not None else set()
    return sorted(
        found, key=lambda f: (tree.line(f[0].start_byte) not in warned and tree.of(f[1]) not in near, f[0].start_byte)
    )[:8]


def _end_of(name: Node) -> int:
    """Where an initializer goes: behind the declarator, with its brackets."""
    node = name
    while node.parent is not None and node.parent.type in ("array_declarator", "pointer_declarator"):
        node = node.parent
    return node.end_byte
