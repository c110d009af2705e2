"""What a C source compares, assigns and uses, and where: read with tree-sitter, without a preprocessor.

It serves what is said to the user about the source; no verdict depends on it. The text may be anything: what the
grammar does not know is passed over. All loops are linear in the text or bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.csource.parser import parse

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_SOURCE: Final = 1 << 20
_MAX_TEXT: Final = 200
_MAX_CHECKS: Final = 2_000
_MAX_ASSIGNMENTS: Final = 4_000
_MAX_NODES: Final = 200  # of one expression

_SECTION: Final = re.compile(rb'\bSEC\s*\(\s*"[^"\\\n]*"\s*\)')
_CONDITIONS: Final = frozenset(
    {"if_statement", "while_statement", "do_statement", "for_statement", "conditional_expression"}
)
_COMPARES: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TERNARY: Final = "conditional_expression"
_ZERO: Final = frozenset({"0", "NULL", "((void *)0)", "0L", "0UL"})


class Comparison(NamedTuple):
    """One comparison of a condition: `operator` is "" for a value tested against zero by itself.

    left, right -- the sides as text without blanks and casts; right is "" with operator ""
    names       -- identifiers on either side, without those in sizeof
    cast        -- the type of a cast to a number that a side has, "" without one
    negated     -- whether it stands under a "!"
    """

    line: int
    operator: str
    left: str
    right: str
    names: frozenset[str]
    cast: str
    negated: bool

    def tests_null(self) -> str:
        """The expression that is compared with NULL, "" if none is."""
        if not self.operator:
            return self.left
        if self.operator in ("==", "!="):
            return self.left if self.right in _ZERO else self.right if self.left in _ZERO else ""
        return ""

    def says_null(self) -> bool:
        """Whether it is true of a NULL pointer."""
        if not self.operator:
            return not self.negated
        return (self.operator == "==") is not self.negated

    def below(self, name: str) -> bool | None:
        """Whether it is true where the side with the variable is the smaller one; None: it orders nothing."""
        if self.operator not in _FLIPPED:
            return None
        left = name in _words(self.left)
        operator = self.operator if left else _FLIPPED[self.operator]
        return (operator in ("<", "<=")) is not self.negated


class Check(NamedTuple):
    """A condition. start, end -- byte offsets; lines count from 1; text -- on one line; loop -- of a loop.

    mentioned -- every identifier, those in sizeof too
    joined -- how its comparisons are joined: "", "&&", "||", or "?" where both stand
    body -- the byte range of what is done if it is true; other -- if it is false; scope -- of the enclosing block
    exits -- whether the body ends the function, the loop or the block
    """

    start: int
    end: int
    line: int
    end_line: int
    text: str
    loop: bool
    comparisons: tuple[Comparison, ...]
    mentioned: frozenset[str]
    joined: str
    body: tuple[int, int]
    other: tuple[int, int]
    scope: tuple[int, int]
    exits: bool

    def truth_at(self, offset: int) -> bool | None:
        """What is known of each comparison at a place of the text: true, false, or nothing."""
        if self.body[0] <= offset < self.body[1]:
            return True if self.joined in ("", "&&") else None
        behind = self.exits and self.body[1] <= offset < self.scope[1]
        if behind or self.other[0] <= offset < self.other[1]:
            return False if self.joined in ("", "||") else None
        return None

    @property
    def names(self) -> frozenset[str]:
        """Every identifier that is compared."""
        return frozenset(name for each in self.comparisons for name in each.names)


class Assignment(NamedTuple):
    """A variable that gets a value: by declaration, assignment or ++.

    names, fields -- the identifiers and members of the value; calls -- the function that gives it, or ""
    updates -- whether it is computed from the value before, as by += and ++
    masks -- whether the value has a mask or a remainder
    """

    name: str
    start: int
    line: int
    names: frozenset[str]
    fields: frozenset[str]
    calls: str
    updates: bool
    masks: bool


class Function(NamedTuple):
    """A function's definition: its name, lines, conditions and assignments in the order of the text.

    accessed -- expressions that are accessed through with -> or [], with their byte offsets
    returns  -- the line and value of each return statement
    """

    name: str
    start: int
    end: int
    line: int
    end_line: int
    params: frozenset[str]
    checks: tuple[Check, ...]
    assignments: tuple[Assignment, ...]
    accessed: tuple[tuple[str, int], ...]
    returns: tuple[tuple[int, str], ...]


class Use(NamedTuple):
    """An expression at a place of the text.

    pointers  -- expressions that are accessed through, innermost first, without blanks and casts
    indexes   -- identifiers of the subscripts and of what is added to those pointers
    offsets   -- the same as whole expressions, as text
    arguments -- of a call, what each argument uses; the call itself uses what they all use
    """

    start: int
    line: int
    pointers: tuple[str, ...]
    indexes: frozenset[str]
    offsets: tuple[str, ...]
    arguments: tuple[Use, ...]


class Syntax:
    """A parsed source."""

    def __init__(self, source: str) -> None:
        data = source.encode()[:MAX_SOURCE]
        # SEC("…") in front of a function is a call to the grammar; blanks keep every offset.
        self._data: bytes = _SECTION.sub(lambda found: b" " * len(found[0]), data)
        self._root: Node = parse(self._data)
        self.functions: tuple[Function, ...] = tuple(self._functions())

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a 1-based place; the text's end where it has no such line."""
        lines = self._data.split(b"\n", line)
        if not 0 < line <= len(lines):
            return len(self._data)
        return sum(len(each) + 1 for each in lines[: line - 1]) + min(max(column, 1), len(lines[line - 1]) + 1) - 1

    def function_named(self, name: str) -> Function | None:
        """The definition of a function, None where the source has none."""
        return next((f for f in self.functions if f.name == name), None)

    def function_at(self, line: int) -> Function | None:
        """The function whose definition has the line."""
        return next((f for f in self.functions if f.line <= line <= f.end_line), None)

    # -- reading the tree ------------------------------------------------------

    def _text(self, node: Node) -> str:
        return self._data[node.start_byte : node.end_byte].decode(errors="replace")

    def _functions(self) -> Iterator[Function]:
        for node in _walk(self._root, {"function_definition"}):
            declarator = _declarator(node.child_by_field_name("declarator"), "function_declarator")
            body = node.child_by_field_name("body")
            if declarator is None or body is None:
                continue
            name = _declarator(declarator, "identifier")
            checks = tuple(islice(self._checks(body), _MAX_CHECKS))
            yield Function(
                self._text(name) if name is not None else "", node.start_byte, node.end_byte, _line(node),
                node.end_point[0] + 1, self._params(declarator), checks,
                tuple(islice(self._assignments(body), _MAX_ASSIGNMENTS)),
                tuple(self._accessed(body)), tuple(self._returns(body)),
            )  # fmt: skip

    def _params(self, declarator: Node) -> frozenset[str]:
        params = declarator.child_by_field_name("parameters")
        if params is None:
            return frozenset()
        found = (_declarator(p, "identifier") for p in params.named_children)
        return frozenset(self._text(name) for name in found if name is not None)

    def _checks(self, body: Node) -> Iterator[Check]:
        for node, scope in _walk_blocks(body):
            condition = node.child_by_field_name("condition")
            if condition is None:
                continue
            short = self._data[condition.start_byte : min(condition.end_byte, condition.start_byte + 2 * _MAX_TEXT)]
            text = " ".join(short.decode(errors="replace").split())
            if text.startswith("(") and text.endswith(")") and node.type not in ("for_statement", _TERNARY):
                text = text[1:-1].strip()
            done = node.child_by_field_name("consequence") or node.child_by_field_name("body")
            otherwise = node.child_by_field_name("alternative")
            comparisons, joined = self._comparisons(condition)
            loop = node.type in ("while_statement", "do_statement", "for_statement")
            yield Check(
                condition.start_byte, condition.end_byte, _line(condition), condition.end_point[0] + 1,
                text[:_MAX_TEXT], loop, tuple(comparisons),
                frozenset(self._text(each) for each in _walk(condition, {"identifier"}, _MAX_NODES)), joined,
                _range(done), _range(otherwise), (scope.start_byte, scope.end_byte),
                done is not None and not loop and _exits(done),
            )  # fmt: skip

    def _comparisons(self, condition: Node) -> tuple[list[Comparison], str]:
        found: list[Comparison] = []
        joined: set[str] = set()
        todo = [(condition, False)]
        for _ in range(_MAX_NODES):
            if not todo:
                break
            node, negated = todo.pop()
            node = _bare(node)
            if node.type == "comma_expression" and node.named_children:
                todo.append((node.named_children[-1], negated))
                continue
            operator = _operator(node)
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if node.type == "binary_expression" and left is not None and right is not None:
                if operator in ("&&", "||"):
                    joined.add(operator if not negated else "&&" if operator == "||" else "||")
                    todo += [(right, negated), (left, negated)]
                    continue
                if operator in _COMPARES:
                    names = self.names(left) | self.names(right)
                    cast = self._casts(left) or self._casts(right)
                    found.append(
                        Comparison(_line(node), operator, self.plain(left), self.plain(right), names, cast, negated)
                    )
                    continue
            argument = node.child_by_field_name("argument")
            if node.type == "unary_expression" and operator == "!" and argument is not None:
                todo.append((argument, not negated))
                continue
            if node.type == "call_expression":
                arguments = node.child_by_field_name("arguments")
                function = node.child_by_field_name("function")
                if arguments is not None and function is not None and self._text(function) in _HINTS:
                    todo += [(each, negated) for each in arguments.named_children[:1]]
                    continue
            if node.type == "assignment_expression" and left is not None:
                node = left
            found.append(
                Comparison(_line(node), "", self.plain(node), "", self.names(node), self._casts(node), not negated)
            )
        return found, "".join(joined) if len(joined) < 2 else "?"

    def _casts(self, node: Node) -> str:
        """The type of a cast to what is no pointer, "" without one."""
        for each in _walk(node, {"cast_expression"}, _MAX_NODES):
            kind = each.child_by_field_name("type")
            if kind is not None and next(_walk(kind, {"abstract_pointer_declarator"}, _MAX_NODES), None) is None:
                return self._text(kind)
        return ""

    def _assignments(self, body: Node) -> Iterator[Assignment]:
        found = list(_walk(body, {"init_declarator", "assignment_expression", "update_expression", "declaration"}))
        for node in sorted(found, key=lambda n: n.start_byte):
            if node.type == "declaration":
                for child in node.children_by_field_name("declarator"):
                    name = _declarator(child, "identifier")
                    if child.type != "init_declarator" and name is not None:
                        none: frozenset[str] = frozenset()
                        yield Assignment(self._text(name), child.start_byte, _line(child), none, none, "", False, False)
                continue
            target = node.child_by_field_name("declarator" if node.type == "init_declarator" else "left")
            if node.type == "update_expression":
                target = node.child_by_field_name("argument")
            if target is None:
                continue
            value = node.child_by_field_name("value" if node.type == "init_declarator" else "right")
            name = _declarator(target, "identifier") if node.type == "init_declarator" else None
            text = self._text(name) if name is not None else self.plain(target)
            names = self.names(value) if value is not None else frozenset()
            call = next(_walk(value, {"call_expression"}, _MAX_NODES), None) if value is not None else None
            callee = call.child_by_field_name("function") if call is not None else None
            members = _walk(value, {"field_identifier"}, _MAX_NODES) if value is not None else ()
            updates = node.type == "update_expression" or (
                node.type == "assignment_expression" and _operator(node) != "=" or text in names
            )
            yield Assignment(
                text, node.start_byte, _line(node), names, frozenset(self._text(each) for each in members),
                self._text(callee) if callee is not None else "", updates,
                any(_operator(each) in ("&", "%") for each in _walk(node, {"binary_expression"}, _MAX_NODES)),
            )  # fmt: skip

    def _accessed(self, body: Node) -> Iterator[tuple[str, int]]:
        for node in _walk(body, {"field_expression", "subscript_expression", "pointer_expression"}):
            inner = node.child_by_field_name("argument")
            if inner is None or (node.type == "field_expression" and all(c.type != "->" for c in node.children)):
                continue
            if node.type != "pointer_expression" or _operator(node) == "*":
                yield self.plain(inner), node.start_byte

    def _returns(self, body: Node) -> Iterator[tuple[int, str]]:
        for node in _walk(body, {"return_statement"}):
            yield _line(node), self.plain(node.named_children[0]) if node.named_children else ""

    def names(self, node: Node) -> frozenset[str]:
        """The variables of an expression, without those that only sizeof looks at and without called functions."""
        found = set()
        todo = [node]
        for _ in range(_MAX_NODES):
            if not todo:
                break
            node = todo.pop()
            if node.type == "identifier":
                found.add(self._text(node))
            elif node.type == "call_expression":
                arguments = node.child_by_field_name("arguments")
                todo += arguments.named_children if arguments is not None else []
            elif node.type not in ("sizeof_expression", "field_identifier", "type_descriptor", "string_literal"):
                todo += node.named_children
        return frozenset(found)

    def plain(self, node: Node) -> str:
        """An expression as text without blanks, casts and brackets around what is cast; "" of a long one."""
        if node.end_byte - node.start_byte > 2 * _MAX_TEXT:
            return ""
        parts: list[str] = []
        size = 0
        todo = [_bare(node)]
        while todo and size < _MAX_TEXT:
            each = todo.pop()
            bare = _bare(each) if each.type == "cast_expression" else each
            if bare.child_count == 0:
                parts.append(self._text(bare))
                size += len(parts[-1])
            elif bare.type in ("string_literal", "type_descriptor"):
                parts.append("".join(self._text(bare).split())[:_MAX_TEXT])
            else:
                todo += reversed(bare.children)
        return "".join(parts)[:_MAX_TEXT]

    def use_at(self, line: int, column: int) -> Use | None:
        """What the innermost access or call at a 1-based place uses; None where the text has none there.

        column -- in bytes, as compilers count it; 0: anywhere on the line
        """
        # A point at or past the end of its line would be taken as the next one's.
        lines = self._data.split(b"\n", line)
        if not 0 < line <= len(lines) or column > len(lines[line - 1]):
            return None
        if column <= 0:
            return None
        point = (line - 1, column - 1)
        path = [self._root]
        while True:
            inside = [child for child in path[-1].named_children if child.start_point <= point < child.end_point]
            if not inside:
                break
            path.append(inside[0])
        for at in range(len(path) - 1, -1, -1):
            node = path[at]
            added = node.type == "binary_expression" and _operator(node) in ("+", "-")
            if node.type in _ACCESSES or added:
                inner = self._access(node)
                outer = self._access(_outermost(path, at))
                return inner._replace(indexes=outer.indexes, offsets=outer.offsets, start=outer.start)
            if node.type == "call_expression":
                return self._call(node)
            if node.type.endswith("statement") or node.type == "declaration":
                accesses = [n for n in _walk(node, _ACCESSES) if _line(n) == line]
                if accesses:
                    return self._access(accesses[0])
                calls = list(_walk(node, {"call_expression"}))
                return self._call(calls[0]) if calls else None
        return None

    def _access(self, node: Node) -> Use:
        pointers: list[str] = []
        indexes: set[str] = set()
        offsets: list[str] = []
        start = node
        current: Node | None = node
        for _ in range(64):
            if current is None:
                break
            current = _bare(current)
            if current.type == "field_expression":
                inner = current.child_by_field_name("argument")
                if inner is not None and any(child.type == "->" for child in current.children):
                    pointers.append(self.plain(inner))
                current = inner
            elif current.type == "subscript_expression":
                inner, index = current.child_by_field_name("argument"), current.child_by_field_name("index")
                if inner is not None:
                    pointers.append(self.plain(inner))
                if index is not None:
                    indexes |= self.names(index)
                    offsets.append(self.plain(index))
                current = inner
            elif current.type == "pointer_expression" and _operator(current) in ("*", "&"):
                inner = current.child_by_field_name("argument")
                if inner is not None and _operator(current) == "*":
                    pointers.append(self.plain(inner))
                current = inner
            elif current.type == "binary_expression" and _operator(current) in ("+", "-"):
                left, right = current.child_by_field_name("left"), current.child_by_field_name("right")
                if right is not None:
                    indexes |= self.names(right)
                    offsets.append(self.plain(right))
                current = left
                if left is not None:
                    pointers.append(self.plain(left))
            else:
                break
        return Use(
            start.start_byte, _line(start), tuple(p for p in pointers if p), frozenset(indexes), tuple(offsets), ()
        )

    def _call(self, node: Node) -> Use:
        arguments = node.child_by_field_name("arguments")
        children = arguments.named_children if arguments is not None else []
        used = tuple(self._argument(child) for child in children[:8])
        return Use(
            node.start_byte, _line(node), tuple(dict.fromkeys(p for each in used for p in each.pointers)),
            frozenset(name for each in used for name in each.indexes),
            tuple(o for each in used for o in each.offsets), used,
        )  # fmt: skip

    def _argument(self, node: Node) -> Use:
        """An argument: what it accesses; a plain variable or number is both the pointer and the offset."""
        found = self._access(node)
        if found.pointers:
            return found
        text = self.plain(node)
        return found._replace(pointers=(text,), indexes=self.names(node), offsets=(text,))


_ACCESSES: Final = frozenset({"field_expression", "subscript_expression", "pointer_expression"})
_HINTS: Final = frozenset({"likely", "unlikely", "__builtin_expect"})


@lru_cache(maxsize=4)
def syntax_of(source: str) -> Syntax:
    """The parsed source; the last few are kept."""
    return Syntax(source)


def _walk(node: Node, types: frozenset[str] | set[str], most: int = 1 << 30) -> Iterator[Node]:
    """Every node below (and including) one whose type is among `types`, in the order of the text.

    most -- how many nodes are looked at
    """
    todo = [node]
    while todo and most > 0:
        node = todo.pop()
        most -= 1
        if node.type in types:
            yield node
        todo += reversed(node.named_children)


def _walk_blocks(body: Node) -> Iterator[tuple[Node, Node]]:
    """Every node with a condition, and the block that it stands in; in the order of the text."""
    todo = [(body, body)]
    while todo:
        node, scope = todo.pop()
        if node.type in _CONDITIONS:
            yield node, scope
        inner = node if node.type in ("compound_statement", "case_statement") else scope
        todo += [(child, inner) for child in reversed(node.named_children)]


def _outermost(path: list[Node], at: int) -> Node:
    """The access that the one at path[at] is the object of: t->entries[i] of t->entries."""
    node = path[at]
    for parent in reversed(path[:at]):
        inside = parent.type in ("field_expression", "subscript_expression")
        if inside and parent.child_by_field_name("argument") == node:
            node = parent
        elif parent.type not in ("parenthesized_expression", "cast_expression"):
            break
    return node


def _range(node: Node | None) -> tuple[int, int]:
    return (node.start_byte, node.end_byte) if node is not None else (-1, -1)


def _exits(node: Node) -> bool:
    """Whether a statement does not come to its end."""
    for _ in range(64):
        statements = [each for each in node.named_children if each.type != "comment"]
        if node.type != "compound_statement" or not statements:
            break
        node = statements[-1]
    return node.type in ("return_statement", "break_statement", "continue_statement", "goto_statement")


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", text)


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _operator(node: Node) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""


def _bare(node: Node) -> Node:
    """An expression without casts and brackets around it."""
    for _ in range(256):
        inner = None
        if node.type == "parenthesized_expression" and node.named_child_count == 1:
            inner = node.named_children[0]
        elif node.type == "cast_expression":
            inner = node.child_by_field_name("value")
        if inner is None:
            break
        node = inner
    return node


def _declarator(node: Node | None, wanted: str) -> Node | None:
    """The declarator of a type inside others: the identifier of "*p[3]"."""
    for _ in range(64):
        if node is None or node.type == wanted:
            return node
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("parenthesized_declarator", "attributed_declarator"):
            inner = node.named_children[0] if node.named_children else None
        node = inner
    return None
