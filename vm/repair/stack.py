"""Large local arrays, moved from the stack to a per-CPU array map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vm.program import Edit
from vm.repair.bounds import constant
from vm.repair.candidate import Candidate, replaced
from vm.repair.cview import fresh, neutral
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node


def off_the_stack(scene: Scene) -> Iterator[Candidate]:
    """The largest local arrays moved to a per-CPU array map."""
    tree = scene.tree
    found = []
    for function in tree.functions.values():
        for node in tree.find(function, "declaration"):
            children = node.children_by_field_name("declarator")
            if len(children) != 1:
                continue
            name = tree.declared(children[0])
            kind = tree.type_of(node, name) if name is not None else ""
            size = re.search(r"\[(\w+)\]", kind)
            number = constant(tree, size[1]) if size else None
            if name is not None and number is not None and number >= 64:
                found.append((number, function, node, name, kind))
    for _, function, node, name, kind in sorted(found, key=lambda f: -f[0])[:3]:
        yield Candidate(
            f"Keep {tree.of(name)} in a map instead of on the stack",
            "All frames of a call chain have 512 bytes of stack together; a per-CPU array has room for large buffers.",
            tuple(_moved(scene, function, node, name, kind)),
        )


def _moved(scene: Scene, function: Node, node: Node, name: Node, kind: str) -> list[Edit]:
    tree = scene.tree
    text = tree.of(name)
    map_name, key, area = (fresh(scene, f"{text}_{word}") for word in ("heap", "key", "area"))
    base, brackets = kind.split("[", 1)
    definition = (
        "struct {\n"
        f"{tree.step}__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);\n{tree.step}__uint(max_entries, 1);\n"
        f"{tree.step}__type(key, unsigned int);\n{tree.step}__type(value, {base.strip()}[{brackets});\n"
        f'}} {map_name} SEC(".maps");\n\n'
    )
    section = max((s.start for s in tree.text.sections if s.end <= function.start_byte
                   and not tree.source[s.end : function.start_byte].strip('") \n\t')), default=-1)  # fmt: skip
    at = tree.source.rfind("\n", 0, section if section >= 0 else function.start_byte) + 1
    initial = node.child_by_field_name("declarator")
    leave = neutral(scene, function)[0]
    lines = [
        f"unsigned int {key} = 0;",
        f"{base.strip()} (*{area})[{brackets} = bpf_map_lookup_elem(&{map_name}, &{key});",
        f"if (!{area})",
        f"{tree.step}{leave}",
    ]
    if initial is not None and initial.type == "init_declarator":
        lines.append(f"__builtin_memset({area}, 0, sizeof(*{area}));")
    indent = tree.indent(node)
    edits = [tree.edit(at, at, definition), replaced(tree, node, f"\n{indent}".join(lines))]
    for use in tree.find(function, "identifier"):
        if tree.of(use) == text and not node.start_byte <= use.start_byte < node.end_byte:
            edits.append(replaced(tree, use, f"(*{area})"))
    return edits
