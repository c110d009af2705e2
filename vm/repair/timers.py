"""A timer on the stack, moved to the value of the map that it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vm.repair.candidate import Candidate, replaced
from vm.repair.cview import arguments, call_at, called, declaration, exits, fresh
from vm.repair.scene import Scene

_DEFINITION: Final = r"(struct\s*)\{{([^{{}}]{{0,2000}})\}}[^;{{}}]*\b{name}\b"
_VALUE: Final = re.compile(r"__type\s*\(\s*value\s*,\s*((?:__)?[us](?:8|16|32|64)|int|long)\s*\)")
_KEY: Final = re.compile(r"__type\s*\(\s*key\s*,\s*([\w ]+?)\s*\)")
_TIMER: Final = "struct bpf_timer"


def in_the_map(scene: Scene) -> Iterator[Candidate]:
    """A local `struct bpf_timer` as a member of the map's value, looked up before its use.

    The map's value has to be a number that nothing in the source reads or writes.
    """
    tree, call, function = scene.tree, call_at(scene, scene.insn_idx), scene.function
    if call is None or function is None or called(tree, call) != "bpf_timer_init" or len(arguments(call)) != 3:
        return
    timer, given = (tree.of(node) for node in arguments(call)[:2])
    name, map_name = timer.lstrip("& "), given.lstrip("& ")
    local = declaration(tree, function, name) if name.isidentifier() and timer.startswith("&") else None
    if local is None or local[2] != _TIMER or not map_name.isidentifier():
        return
    spec = re.search(_DEFINITION.format(name=re.escape(map_name)), tree.source)
    value, key = (each.search(spec[2]) if spec is not None else None for each in (_VALUE, _KEY))
    uses = [node for node in tree.find(function, "identifier") if tree.of(node) == name and node.id != local[1].id]
    addresses = [node.parent for node in uses if node.parent is not None and node.parent.type == "pointer_expression"]
    inits = [each for each in tree.find(tree.root, "call_expression") if called(tree, each) == "bpf_timer_init"]
    known = 1 + sum(map_name in tree.names(each) for each in inits)
    in_use = len(re.findall(rf"\b{re.escape(map_name)}\b", tree.text.code)) > known
    if spec is None or value is None or key is None or in_use or len(addresses) != len(uses):
        return
    leave = next(iter(exits(scene, call)), "")
    struct, index = fresh(scene, f"{map_name}_value"), fresh(scene, "index")
    if not leave:
        return
    statement, indent, step = local[0], tree.indent(local[0]), tree.step
    lines = (
        f"{key[1]} {index} = 0;",
        f"struct {struct} *{name} = bpf_map_lookup_elem(&{map_name}, &{index});",
        f"if (!{name})",
        f"{step}{leave}",
    )
    text = f"\n{indent}".join(lines)
    at = spec.start(2)
    yield Candidate(
        f"Keep the timer in the values of {map_name}",
        "A timer goes on when the program has ended: it is kept in a map's value, and cannot be on the stack.",
        (
            tree.edit(spec.start(), spec.start(), f"struct {struct} {{\n{step}{_TIMER} timer;\n}};\n\n"),
            tree.edit(at + value.start(1), at + value.end(1), f"struct {struct}"),
            replaced(tree, statement, text),
            *(replaced(tree, node, f"&{name}->timer") for node in addresses),
        ),
    )
