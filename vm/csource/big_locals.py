"""Large local variables: which there are, and the edits that move one from the stack to a per-CPU array map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.csource.tree import CTree
from vm.program import Edit

if TYPE_CHECKING:
    from tree_sitter import Node

LEAST: Final = 64
"""Bytes from which on a variable counts as large."""

WIDTHS: Final = {
    "char": 1, "__u8": 1, "u8": 1, "__s8": 1, "s8": 1, "uint8_t": 1, "bool": 1,
    "short": 2, "__u16": 2, "u16": 2, "__s16": 2, "s16": 2, "__be16": 2, "uint16_t": 2,
    "int": 4, "__u32": 4, "u32": 4, "__s32": 4, "s32": 4, "__be32": 4, "uint32_t": 4,
    "long": 8, "__u64": 8, "u64": 8, "__s64": 8, "s64": 8, "__be64": 8, "uint64_t": 8, "size_t": 8,
}  # fmt: skip
"""Bytes of integer types by the first word of their names."""

_MAX_DEPTH: Final = 4
_EMPTY: Final = re.compile(r"\{\s*0?\s*\}")


class Large(NamedTuple):
    """A local variable. size -- at least so many bytes; kind -- its type as written: "char[256]", "struct event"."""

    size: int
    function: Node
    declaration: Node
    name: Node
    kind: str


def constant(tree: CTree, text: str) -> int | None:
    """The value of a number or of a macro that is one."""
    text = text.strip()
    for _ in range(_MAX_DEPTH):
        if re.fullmatch(r"\d+", text):
            return int(text)
        if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
            return int(text, 16)
        shift = re.fullmatch(r"\(?\s*(\d{1,6})U?L*\s*<<\s*(\d{1,2})\s*\)?", text)
        if shift:
            return int(shift[1]) << int(shift[2])
        found = re.search(rf"^[ \t]*#[ \t]*define[ \t]+{re.escape(text)}[ \t]+([^\n/]+)", tree.source, re.M)
        if found is None:
            return None
        text = found[1].strip().strip("()")
    return None


def large_locals(tree: CTree) -> list[Large]:
    """The large local variables of a source, the largest first."""
    found = []
    for function in tree.functions.values():
        for node in tree.find(function, "declaration"):
            children = node.children_by_field_name("declarator")
            name = tree.declared(children[0]) if len(children) == 1 else None
            kind = tree.type_of(node, name) if name is not None else ""
            size = 0 if "*" in kind else _size(tree, kind, 0)
            if name is not None and size >= LEAST:
                found.append(Large(size, function, node, name, kind))
    return sorted(found, key=lambda each: -each.size)


def _size(tree: CTree, kind: str, depth: int) -> int:
    """At least so many bytes: of types that are not known here, an element counts as one byte."""
    words = re.sub(r"\b(?:const|volatile|unsigned|signed)\b|\[.*", " ", kind).split()
    size = WIDTHS.get(words[0] if words else "int", 1)
    for text in re.findall(r"\[(\w+)\]", kind):
        size *= constant(tree, text) or 1
    struct = re.match(r"(?:const )?struct (\w+)", kind)
    if struct is None or depth >= _MAX_DEPTH:
        return size
    for node in tree.find(tree.root, "struct_specifier"):
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None or tree.of(name) != struct[1]:
            continue
        members = [
            tree.type_of(each, declared)
            for each in body.named_children
            if each.type == "field_declaration"
            and (declared := tree.declared(each.child_by_field_name("declarator"))) is not None
        ]
        return size * sum(8 if "*" in member else _size(tree, member, depth + 1) for member in members)
    return size


def in_a_map(tree: CTree, large: Large, leave: str) -> tuple[Edit, ...]:
    """The variable as the value of a per-CPU array; () where its initialiser cannot be moved.

    leave -- what the function does where the map has no value, which does not happen: a return statement
    """
    node, text = large.declaration, tree.of(large.name)
    initial = node.child_by_field_name("declarator")
    value = initial.child_by_field_name("value") if initial is not None else None
    if value is not None and not _EMPTY.fullmatch(tree.of(value)):
        return ()
    used = set(re.findall(r"\w+", tree.text.code))
    map_name, key, area = (_fresh(used, f"{text}_{word}") for word in ("heap", "key", "area"))
    base, _, brackets = large.kind.partition("[")
    base, brackets = base.strip(), f"[{brackets}" if brackets else ""
    pointer = f"{base} (*{area}){brackets}" if brackets else f"{base} *{area}"
    section = max((s.start for s in tree.text.sections if s.end <= large.function.start_byte
                   and not tree.source[s.end : large.function.start_byte].strip('") \n\t')), default=-1)  # fmt: skip
    at = tree.source.rfind("\n", 0, section if section >= 0 else large.function.start_byte) + 1
    definition = (
        "struct {\n"
        f"{tree.step}__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);\n{tree.step}__uint(max_entries, 1);\n"
        f"{tree.step}__type(key, unsigned int);\n{tree.step}__type(value, {base}{brackets});\n"
        f'}} {map_name} SEC(".maps");\n\n'
    )
    lines = [
        f"unsigned int {key} = 0;",
        f"{pointer} = bpf_map_lookup_elem(&{map_name}, &{key});",
        f"if (!{area})",
        f"{tree.step}{leave}",
    ]
    if value is not None:
        lines.append(f"__builtin_memset({area}, 0, sizeof(*{area}));")
    indent = f"\n{tree.indent(node)}"
    edits = [tree.edit(at, at, definition), tree.edit(node.start_byte, node.end_byte, indent.join(lines))]
    for use in tree.find(large.function, "identifier"):
        if tree.of(use) == text and not node.start_byte <= use.start_byte < node.end_byte:
            edits.append(_used(tree, use, area))
    return tuple(edits)


def _used(tree: CTree, use: Node, area: str) -> Edit:
    """A use of the variable, through the pointer: `v.m` as `area->m`, `&v` as `area`, else `(*area)`."""
    parent = use.parent
    if parent is not None and parent.type == "field_expression":
        member = parent.child_by_field_name("field")
        if member is not None and tree.source[use.end_byte : member.start_byte].strip() == ".":
            return tree.edit(use.start_byte, member.start_byte, f"{area}->")
    if parent is not None and parent.type == "pointer_expression" and tree.source[parent.start_byte] == "&":
        return tree.edit(parent.start_byte, parent.end_byte, area)
    return tree.edit(use.start_byte, use.end_byte, f"(*{area})")


def _fresh(used: set[str], wanted: str) -> str:
    name, n = wanted, 2
    while name in used:
        name, n = f"{wanted}{n}", n + 1
    return name
