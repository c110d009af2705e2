"""A proposed change, and the edits most of them are made of: a statement before or after another, a guard, braces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vm.csource.tree import CTree
from vm.program import Edit

if TYPE_CHECKING:
    from tree_sitter import Node


class Candidate(NamedTuple):
    """title -- what it does, in a few words; why -- why it should help, a sentence; edits -- they do not overlap.

    last -- it is tried only where nothing else helped
    """

    title: str
    why: str
    edits: tuple[Edit, ...]
    last: bool = False


def guard(tree: CTree, condition: str, leave: str) -> list[str]:
    """The lines of `if (condition) leave`."""
    return [f"if ({condition})", f"{tree.step}{leave}"]


def before(tree: CTree, statement: Node, lines: list[str]) -> tuple[Edit, ...]:
    """Lines before a statement, in braces with it where it is the body of an if or loop."""
    if tree.bare(statement):
        return braced(tree, statement, lines, [])
    at, indent = statement.start_byte, tree.indent(statement)
    if _shares_line(tree, statement):
        return (tree.edit(at, at, "".join(f"{line.strip()} " for line in lines)),)
    return (tree.edit(at, at, "".join(f"{line}\n{indent}" for line in lines)),)


def hoisted(tree: CTree, statement: Node, lines: list[str], node: Node, name: str) -> tuple[Edit, ...]:
    """Lines before a statement that compute what a part of it is, and a name in place of that part."""
    if not tree.bare(statement):
        return (*before(tree, statement, lines), replaced(tree, node, name))
    start = statement.start_byte
    text = tree.source[start : node.start_byte] + name + tree.source[node.end_byte : statement.end_byte]
    return braced(tree, statement, lines, [], text)


def after(tree: CTree, statement: Node, lines: list[str]) -> tuple[Edit, ...]:
    """Lines after a statement, in braces with it where it is the body of an if or loop."""
    if tree.bare(statement):
        return braced(tree, statement, [], lines)
    at, indent = statement.end_byte, tree.indent(statement)
    if _shares_line(tree, statement):
        return (tree.edit(at, at, "".join(f" {line.strip()}" for line in lines)),)
    return (tree.edit(at, at, "".join(f"\n{indent}{line}" for line in lines)),)


def wrapped(tree: CTree, statement: Node, condition: str) -> tuple[Edit, ...]:
    """The statement under `if (condition)`."""
    indent = tree.indent(statement)
    text = "\n".join(
        tree.step + line if n and line.strip() else line for n, line in enumerate(tree.of(statement).split("\n"))
    )
    at = statement.start_byte
    return (tree.edit(at, statement.end_byte, f"if ({condition})\n{indent}{tree.step}{text}"),)


def replaced(tree: CTree, node: Node, text: str) -> Edit:
    """A node's text replaced."""
    return tree.edit(node.start_byte, node.end_byte, text)


def deleted(tree: CTree, statement: Node) -> Edit:
    """A statement left out, with its line if it is alone there; `;` where a statement has to stand."""
    if tree.bare(statement):
        return replaced(tree, statement, ";")
    start, end = statement.start_byte, statement.end_byte
    first = tree.source.rfind("\n", 0, start) + 1
    last = tree.source.find("\n", end)
    last = len(tree.source) if last < 0 else last + 1
    if tree.source[first:start].strip() or tree.source[end:last].strip():
        return tree.edit(start, end, "")
    return tree.edit(first, last, "")


def _shares_line(tree: CTree, statement: Node) -> bool:
    """Whether something else stands before a statement on its line."""
    first = tree.source.rfind("\n", 0, statement.start_byte) + 1
    return bool(tree.source[first : statement.start_byte].strip())


def braced(tree: CTree, statement: Node, first: list[str], last: list[str], text: str = "") -> tuple[Edit, ...]:
    """The body of an if or loop that is one statement, in braces between other lines."""
    head = statement.parent
    indent = tree.indent(head if head is not None else statement)
    inner = indent + tree.step
    lines = [*first, text or tree.of(statement), *last]
    text = "{\n" + "".join(f"{inner}{line}\n" for line in lines) + f"{indent}}}"
    start = statement.start_byte
    # "if (x)\n    y;" becomes "if (x) {": the brace goes to the line of the head.
    blank = len(tree.source[:start]) - len(tree.source[:start].rstrip())
    if "\n" in tree.source[start - blank : start]:
        return (tree.edit(start - blank, statement.end_byte, " " + text),)
    return (tree.edit(start, statement.end_byte, text),)
