"""The syntax tree of a C source as it is written, before the preprocessor, with the places of its parts.

tree-sitter reads the text; what it does not understand costs it that part only. What BPF sources use as macros
(SEC(), bpf_for(), __always_inline …) is written over by C of the same length first, so that offsets stay. Offsets are
in characters of the source. No verdict depends on this: it serves changes that are proposed to the user, and each of
those is compiled and verified before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vm.csource.parser import parse
from vm.csource.text import CText, blank
from vm.program import Edit

if TYPE_CHECKING:
    from tree_sitter import Node

_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_WORDS: Final = re.compile(
    r"\b(?:__always_inline|__noinline|__weak|__hidden|__ksym|__kconfig|__maybe_unused|__unused|__user|__percpu|__arena"
    r"|__rcu|__force|__kptr(?:_untrusted)?|__percpu_kptr|__arg_\w+|__attribute__\s*\(\([^;={}]{0,200}\)\))"
)
_SECTION: Final = re.compile(r"\b(?:SEC|__section)\s*\([^()\n]{0,256}\)")
_MEMBER: Final = re.compile(r"\b(?:__uint|__type|__array|__ulong)\s*\([^;{}]{0,256}?\)\s*;")
_LOOPS: Final = re.compile(r"\b(bpf_for_each|bpf_for|bpf_repeat)(?=\s*\()")
_TEMPLATES: Final = frozenset(
    {"BPF_PROG", "BPF_PROG2", "BPF_KPROBE", "BPF_KRETPROBE", "BPF_KSYSCALL", "BPF_UPROBE", "BPF_URETPROBE", "BPF_USDT",
     "BPF_KPROBE_SYSCALL"}
)  # fmt: skip

_CONDITIONAL: Final = ("preproc_if", "preproc_ifdef", "preproc_else")
MAX_DEPTH: Final = 256
"""Levels of the tree that are looked at: nobody writes more."""

LOOPS: Final = ("for_statement", "while_statement", "do_statement")
_BODIES: Final = ("compound_statement", "case_statement")
_HEADS: Final = ("if_statement", "else_clause", *LOOPS, "labeled_statement")
_STATEMENTS: Final = (
    "declaration", "expression_statement", "return_statement", "if_statement", "break_statement", "continue_statement",
    "goto_statement", "switch_statement", "compound_statement", "labeled_statement", *LOOPS,
)  # fmt: skip


def _spaces(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _normal(source: str) -> str:
    """The source with comments blanked and macros written over, as many characters long."""
    code = blank(source, strings=False)
    code = _NOT_ASCII.sub("_", code)
    for pattern in (_SECTION, _MEMBER, _WORDS):
        code = pattern.sub(_spaces, code)
    return _LOOPS.sub(lambda found: "while".ljust(len(found[0])), code)


class CTree:
    """One source and its tree. Nodes are tree-sitter's; their bytes are characters of the source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = CText(source)

    @cached_property
    def root(self) -> Node:
        """The whole source."""
        return parse(_normal(self.source).encode("ascii", "replace"))

    def of(self, node: Node) -> str:
        """The source text of a node."""
        return self.source[node.start_byte : node.end_byte]

    def at(self, line: int, column: int) -> Node | None:
        """The smallest named node that begins at or spans a 1-based place."""
        offset = self.text.offset(line, column)
        if offset is None or offset >= len(self.source):
            return None
        return self.root.named_descendant_for_byte_range(offset, offset + 1)

    def edit(self, start: int, end: int, text: str) -> Edit:
        """Replace a range of characters."""
        return self.text.edit(start, end, text)

    def line(self, offset: int) -> int:
        """The 1-based line of an offset."""
        return self.text.line(offset)

    @cached_property
    def functions(self) -> dict[str, Node]:
        """Function definitions by name; of BPF_PROG(name, …) the name in it."""
        found = {}
        for node in self.find(self.root, "function_definition"):
            name = self.function_name(node)
            if name:
                found[name] = node
        return found

    def function_name(self, node: Node) -> str:
        """The name of a function definition, "" if it has none."""
        declarator = self._function_declarator(node)
        inner = declarator.child_by_field_name("declarator") if declarator is not None else None
        if declarator is None or inner is None:
            return ""
        name = self.of(inner)
        if name in _TEMPLATES:
            parameters = declarator.child_by_field_name("parameters")
            first = parameters.named_children[0] if parameters is not None and parameters.named_children else None
            return self.of(first) if first is not None else ""
        return name

    def _function_declarator(self, node: Node) -> Node | None:
        declarator = node.child_by_field_name("declarator")
        for _ in range(8):
            if declarator is None or declarator.type == "function_declarator":
                return declarator
            declarator = declarator.child_by_field_name("declarator")
        return None

    def parameters(self, function: Node) -> dict[str, tuple[str, Node]]:
        """Parameter name -> (type as written, with its stars; the node)."""
        declarator = self._function_declarator(function)
        nodes = declarator.child_by_field_name("parameters") if declarator is not None else None
        found = {}
        for node in nodes.named_children if nodes is not None else ():
            name = self.declared(node.child_by_field_name("declarator"))
            if node.type == "parameter_declaration" and name is not None:
                found[self.of(name)] = (self.type_of(node, name), node)
        return found

    def returns(self, function: Node) -> str:
        """The return type as written: "int", "struct x *"."""
        declarator = self._function_declarator(function)
        kind = function.child_by_field_name("type")
        if declarator is None or kind is None:
            return ""
        return " ".join(self.of(kind).split()) + " *" * self.source[kind.end_byte : declarator.start_byte].count("*")

    def type_of(self, declaration: Node, name: Node) -> str:
        """The type that a declaration gives a name, without storage class: "const char *", "char[16]"."""
        kind = declaration.child_by_field_name("type")
        if kind is None:
            return ""
        qualifiers = [self.of(n) for n in declaration.children if n.type == "type_qualifier"]
        stars, arrays = 0, ""
        node: Node | None = name.parent
        while node is not None and node.id != declaration.id:
            if node.type == "pointer_declarator":
                stars += 1
            elif node.type == "array_declarator":
                size = node.child_by_field_name("size")
                arrays += f"[{self.of(size) if size is not None else ''}]"
            node = node.parent
        return " ".join([*qualifiers, *self.of(kind).split()]) + (" " + "*" * stars if stars else "") + arrays

    def declared(self, declarator: Node | None) -> Node | None:
        """The identifier that a declarator declares."""
        for _ in range(16):
            if declarator is None or declarator.type in ("identifier", "field_identifier"):
                return declarator
            declarator = declarator.child_by_field_name("declarator") or next(
                (n for n in declarator.named_children if n.type.endswith("declarator")), None
            )
        return None

    def find(self, node: Node, *types: str) -> Iterator[Node]:
        """The nodes of these types below a node, in the order of the text."""
        stack = [node]
        while stack:
            here = stack.pop()
            if here.type in types:
                yield here
            stack += reversed(here.named_children)

    def ancestors(self, node: Node | None) -> list[Node]:
        """A node and what contains it, the innermost first; [] of a node that is deeper than MAX_DEPTH."""
        found = []
        while node is not None:
            found.append(node)
            if len(found) > MAX_DEPTH:
                return []
            node = self._parents.get(node.id)
        return found

    @cached_property
    def _parents(self) -> dict[int, Node]:
        """Node.id -> its parent: the library walks down from the root for each."""
        found: dict[int, Node] = {}
        stack = [self.root]
        while stack:
            here = stack.pop()
            for child in here.children:
                found[child.id] = here
                stack.append(child)
        return found

    def up(self, node: Node | None, *types: str) -> Node | None:
        """The nearest node of these types that contains a node, itself included."""
        return next((here for here in self.ancestors(node) if here.type in types), None)

    def function(self, node: Node) -> Node | None:
        """The function definition that contains a node."""
        return self.up(node, "function_definition")

    def in_macro(self, node: Node) -> bool:
        """Whether a node belongs to a #define or another directive; True also of one that is nested too deeply."""
        found = self.ancestors(node)
        return not found or any(n.type.startswith("preproc_") and n.type not in _CONDITIONAL for n in found)

    def statement(self, node: Node) -> Node | None:
        """The nearest statement that contains a node and stands in a block, or is the body of an if or loop."""
        found = self.ancestors(node)
        for here, parent in zip(found, found[1:], strict=False):
            if here.type == "function_definition":
                return None
            if here.type not in _STATEMENTS or here.type == "compound_statement":
                continue
            if parent.type in _BODIES or (parent.type in _HEADS and self._is_body(parent, here)):
                return here
        return None

    def _is_body(self, head: Node, node: Node) -> bool:
        if head.type in ("else_clause", "labeled_statement"):
            return True
        return any(
            (found := head.child_by_field_name(name)) is not None and found.id == node.id
            for name in ("consequence", "body")
        )

    def bare(self, statement: Node) -> bool:
        """Whether a statement is the body of an if or loop without braces, so that nothing can stand beside it."""
        return statement.parent is not None and statement.parent.type in _HEADS

    def siblings_before(self, statement: Node) -> list[Node]:
        """The statements before one in the same block, the nearest first."""
        found = []
        node = statement.prev_named_sibling
        while node is not None:
            found.append(node)
            node = node.prev_named_sibling
        return found

    def names(self, node: Node) -> set[str]:
        """The identifiers in a node."""
        return {self.of(n) for n in self.find(node, "identifier")}

    def indent(self, node: Node) -> str:
        """The blanks before a node's line."""
        start = self.source.rfind("\n", 0, node.start_byte) + 1
        found = re.compile(r"[ \t]*").match(self.source, start)
        return found[0] if found else ""

    @cached_property
    def step(self) -> str:
        """One level of indentation as the source has it."""
        found = re.search(r"\{[^\S\n]*\n([ \t]+)\S", self.source)
        return found[1] if found and len(found[1]) <= 8 else "    "
