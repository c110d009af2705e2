"""The context of a program: taken for the packet, or read at an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vm.csource.tree import LOOPS
from vm.kernel import types as k
from vm.repair.candidate import Candidate, hoisted, replaced
from vm.repair.cview import assigned, fresh, stripped
from vm.repair.scene import Scene

_WITH_PACKET: Final = re.compile(r"struct (?:xdp_md|__sk_buff)\b")


def as_packet(scene: Scene) -> Iterator[Candidate]:
    """The packet's beginning where the context itself is taken for it."""
    tree, function = scene.tree, scene.tree.functions.get(scene.program.name)
    if function is None:
        return
    for name, (kind, _) in tree.parameters(function).items():
        if _WITH_PACKET.search(kind) is None:
            continue
        for node in tree.find(function, "init_declarator", "assignment_expression"):
            value = node.child_by_field_name("value") or node.child_by_field_name("right")
            if value is None or tree.of(stripped(tree, value)) != name or not assigned(tree, value):
                continue
            yield Candidate(
                f"Take the packet from {name}->data",
                f"{name} points to the program's context; the packet begins where {name}->data says.",
                (replaced(tree, value, f"(void *)(long){name}->data"),),
            )


def element_by_helper(scene: Scene) -> Iterator[Candidate]:
    """An element of a tracepoint's record at an index that is not constant, read by a helper."""
    tree, statement = scene.tree, scene.statement
    if scene.program.prog_type != k.BPF_PROG_TYPE_TRACEPOINT or statement is None or statement.type in LOOPS:
        return  # other contexts are not in memory as the program sees them
    for node in tree.find(statement, "subscript_expression"):
        text = tree.of(node)
        array = node.child_by_field_name("argument")
        if array is None or array.type != "field_expression" or "->" not in tree.of(array):
            continue
        words = re.findall(r"\w+", tree.of(array))
        name = fresh(scene, f"{words[-1]}_value")
        lines = [f"__typeof__({text}) {name} = 0;", f"bpf_probe_read_kernel(&{name}, sizeof({name}), &{text});"]
        yield Candidate(
            f"Read {text} with bpf_probe_read_kernel()",
            "A context is read at offsets that are known when the program is loaded; a helper reads any address.",
            hoisted(tree, statement, lines, node, name),
        )
