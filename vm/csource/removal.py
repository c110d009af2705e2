"""What can be taken out of a C source: its parts from the largest to the smallest, as cuts of its text.

Nothing here knows whether a source without a part is still of use: who tries the cuts decides that. Every text that is
made from cuts is one that the grammar reads without more errors than before; the compiler may still refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.csource.conditionals import defined, groups, likely, taken
from vm.csource.text import blank
from vm.csource.tree import LOOPS, CTree

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_NESTING: Final = 12
"""Levels of blocks in which statements are looked for."""
_INCLUDE: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]{1,256})[>"][^\n]*$', re.M)
_ONCE: Final = re.compile(r"^[ \t]*#[ \t]*pragma[ \t]+once\b[^\n]*\n?", re.M)
_WORD: Final = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")
_SOLID: Final = re.compile(r"\S")
_MOST_INCLUDED: Final = 64
_MOST_TEXT: Final = 1 << 20


class Cut(NamedTuple):
    """Characters [start, end) of a source, and what stands there without them.

    defines -- names that the source lacks then; lines -- the first and the last line of what is cut
    """

    start: int
    end: int
    text: str = ""
    defines: frozenset[str] = frozenset()
    lines: tuple[int, int] = (0, 0)


def plain(source: str) -> str:
    """A source without comments, blanks at the ends of lines, and empty lines."""
    found: list[str] = []
    for line in blank(source, strings=False).split("\n"):
        text = line.rstrip()
        # An empty line ends the macro that the line before continues.
        if text or (found and found[-1].endswith("\\")):
            found.append(text)
    return "\n".join(found) + "\n"


def inlined(source: str, files: Mapping[str, str]) -> str:
    """A source with the text of `files` where it includes them, as far as one name fits one file."""
    done: set[str] = set()
    count = 0

    def expanded(text: str, inside: tuple[str, ...]) -> str:
        def one(found: re.Match[str]) -> str:
            nonlocal count
            name = found[1].removeprefix("./")
            fits = [each for each in files if each == name or each.endswith(f"/{name.rpartition('../')[2]}")]
            count += 1
            if len(fits) != 1 or fits[0] in inside or count > _MOST_INCLUDED:
                return found[0]
            (file,) = fits
            if file in done:
                return ""
            if _ONCE.search(files[file]):
                done.add(file)
            return expanded(_ONCE.sub("", files[file]), (*inside, file))

        return _INCLUDE.sub(one, text)

    found = expanded(source, ())
    return found if len(found) <= _MOST_TEXT else source


def without(source: str, cuts: Sequence[Cut]) -> str:
    """The source without the cuts, of which none overlaps another one."""
    parts = []
    at = 0
    for cut in sorted(cuts):
        parts += [source[at : cut.start], cut.text]
        at = cut.end
    return plain("".join([*parts, source[at:]]))


def names(source: str) -> frozenset[str]:
    """The identifiers of a source that are no members."""
    return frozenset(_WORD.findall(blank(source)))


class Parts:
    """The parts of one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = CTree(source)

    def sound(self) -> bool:
        """Whether the grammar reads all of it, and each structure has a member."""
        if self.tree.root.has_error:
            return False
        bodies = self.tree.find(self.tree.root, "field_declaration_list")
        return all(self.source[body.start_byte + 1 : body.end_byte - 1].strip() for body in bodies)

    # -- what is compiled or not -------------------------------------------------

    def decided(self) -> list[Cut]:
        """Each #if that stands in no other one, with the branch in its place that seems to be the compiled one."""
        found, names_of = [], defined(self.source)
        for group in groups(self.source):
            branch = likely(group, names_of)
            text = self.source[branch.start : branch.end] if branch is not None else ""
            found.append(Cut(group.start, group.end, text))
        return found

    def branches(self) -> list[Cut]:
        """Each #if that stands in no other one, with one of its branches in its place: a cut for each branch."""
        return [Cut(each.start, each.end, text) for each in groups(self.source) for text in taken(self.source, each)]

    # -- whole declarations ------------------------------------------------------

    def items(self) -> list[Cut]:
        """Functions, declarations and directives of the source, each with its attributes; an #if is one of them."""
        return list(self._items(self.tree.root, 0))

    def _items(self, node: Node, before: int) -> Iterator[Cut]:
        for child in node.children:
            if not child.is_named and child.type != ";":
                before = child.end_byte
                continue
            # A macro such as SEC() stands between two nodes: it belongs to the one behind it.
            yield self._cut(before, child)
            before = child.end_byte

    def unused(self, program: str) -> list[Cut]:
        """The items that nothing needs, by name, of what the function `program` needs."""
        items = self.items()
        words = [names(self.source[cut.start : cut.end]) for cut in items]
        own = self.tree.functions.get(program)
        if own is None:
            return []
        needed: set[int] = {n for n, cut in enumerate(items) if not cut.defines or cut.end == own.end_byte}
        wanted = {word for n in needed for word in words[n]}
        while True:
            more = {n for n, cut in enumerate(items) if n not in needed and cut.defines & wanted}
            if not more:
                return [cut for n, cut in enumerate(items) if n not in needed]
            needed |= more
            wanted |= {word for n in more for word in words[n]}

    # -- statements ---------------------------------------------------------------

    def statements(self, depth: int, function: str = "") -> list[Cut]:
        """The statements in blocks that stand in `depth` other blocks of a function, without its last `return`.

        function -- only those of this one
        """
        found: list[Cut] = []
        for block in self._blocks(depth, self.tree.functions.get(function, self.tree.root)):
            before = block.start_byte + 1
            for child in block.named_children:
                # What stands before a case or a label is kept: the statement behind it is what goes.
                start = before
                if block.type == "case_statement":
                    start = child.start_byte
                    if block.child_by_field_name("value") == child:
                        continue
                if child.type != "return_statement" or self._behind(child.end_byte) + 1 not in self._ends:
                    found.append(self._cut(start, child))
                before = child.end_byte
        return sorted(found)

    @cached_property
    def _ends(self) -> frozenset[int]:
        """Where functions end."""
        return frozenset(function.end_byte for function in self.tree.functions.values())

    def _blocks(self, depth: int, within: Node) -> Iterator[Node]:
        stack = [(within, -1)]
        while stack:
            node, level = stack.pop()
            inner = level + (node.type in ("compound_statement", "case_statement"))
            if inner > depth or inner > MAX_NESTING:
                continue
            if inner == depth and inner != level:
                yield node
                continue
            stack += [(child, inner) for child in node.named_children]

    def unvisited(self, lines: frozenset[int]) -> list[Cut]:
        """The outermost statements of which no line is one of `lines`; declarations and the ends of functions stay."""
        found: list[Cut] = []
        for depth in range(MAX_NESTING):
            level = self.statements(depth)
            if not level:
                break
            for cut in level:
                inside = any(outer.start <= cut.start and cut.end <= outer.end for outer in found)
                first, last = cut.lines
                if not inside and not cut.defines and not any(first <= line <= last for line in lines):
                    found.append(cut)
        return [cut for cut in found if self._behind(cut.end) + 1 not in self._ends]

    def _behind(self, offset: int) -> int:
        """The offset of the first character behind an offset that is no blank."""
        found = _SOLID.search(self.source, offset)
        return found.start() if found else len(self.source)

    # -- smaller ----------------------------------------------------------------

    def simpler(self) -> list[Cut]:
        """Statements in the place of the if or loop around them or without their label, one side of && and ||, and an
        if without its else.
        """
        found: list[Cut] = []
        for node in self.tree.find(self.tree.root, "if_statement", "binary_expression", "labeled_statement", *LOOPS):
            if self.tree.in_macro(node):
                continue
            if node.type == "labeled_statement":
                colon = next((each for each in node.children if each.type == ":"), None)
                found += [Cut(node.start_byte, colon.end_byte)] if colon is not None else []
                continue
            if node.type == "binary_expression":
                sides = [node.child_by_field_name(name) for name in ("left", "right")]
                operator = node.child_by_field_name("operator")
                if operator is not None and operator.type in ("&&", "||"):
                    found += [self._instead(node, side) for side in sides if side is not None]
                continue
            body = node.child_by_field_name("consequence") or node.child_by_field_name("body")
            other = node.child_by_field_name("alternative")
            if other is not None:
                found.append(self._cut(other.start_byte, other))
                found += [self._instead(node, each) for each in other.named_children[:1]]
            if body is not None:
                found.append(self._instead(node, body))
        return found

    def members(self) -> list[Cut]:
        """Members of structures, and enumerators with their commas."""
        found = []
        for node in self.tree.find(self.tree.root, "field_declaration", "enumerator"):
            cut = self._cut(node.start_byte, node)
            comma = re.compile(r"\s*,").match(self.source, cut.end) if node.type == "enumerator" else None
            found.append(cut._replace(end=comma.end() if comma else cut.end))
        return [cut for n, cut in enumerate(found) if not n or found[n - 1].end <= cut.start]

    def _instead(self, node: Node, part: Node) -> Cut:
        start, end = part.start_byte, part.end_byte
        block = node.parent is not None and node.parent.type == "compound_statement"
        if block and part.type == "compound_statement":  # what stands in braces stands in those around it
            start, end = start + 1, end - 1
        text = self.source[start:end].strip()
        inner = self.tree.indent(part.named_children[0]) if block and part.named_children else ""
        return Cut(node.start_byte, node.end_byte, text.replace(f"\n{inner}", f"\n{self.tree.indent(node)}"))

    def _cut(self, start: int, node: Node) -> Cut:
        lines = self.tree.line(node.start_byte), self.tree.line(node.end_byte - 1)
        return Cut(start, node.end_byte, "", self._defined(node), lines)

    def _defined(self, node: Node) -> frozenset[str]:
        """The names that a declaration gives to the source."""
        if node.type == "function_definition":
            return frozenset({self.tree.function_name(node)} - {""})
        name = node.child_by_field_name("name") if node.type.startswith("preproc_") else None
        found = {self.tree.of(name)} if name is not None and name.type == "identifier" else set()
        if node.type in ("declaration", "type_definition"):
            for declarator in node.children_by_field_name("declarator"):
                inner = declarator if declarator.type == "type_identifier" else self.tree.declared(declarator)
                found |= {self.tree.of(inner)} if inner is not None else set()
        kinds = ("struct_specifier", "union_specifier", "enum_specifier")
        if node.type in ("declaration", "type_definition", *kinds):
            for each in (node, *node.named_children):
                if each.type in kinds and each.child_by_field_name("body") is not None:
                    tag = each.child_by_field_name("name")
                    found |= {self.tree.of(tag)} if tag is not None else set()
                    for value in self.tree.find(each, "enumerator"):
                        found |= {self.tree.of(n) for n in (value.child_by_field_name("name"),) if n is not None}
        return frozenset(found)
