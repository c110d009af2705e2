"""Packet pointers that a helper made invalid: loaded, made and compared once more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.tree import CTree
from vm.repair.candidate import Candidate, after
from vm.repair.cview import called, exits, stripped, type_of_in
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

_MOVES: Final = re.compile(
    r"^bpf_(?:xdp_adjust_|skb_(?:adjust_room|change_|pull_data|store_bytes|vlan_|ecn_)|l[34]_csum_replace|msg_p|clone_redirect)"
)


def stale_pointers(scene: Scene) -> Iterator[Candidate]:
    """A helper moved the packet: its pointers have to be loaded, made and compared again."""
    tree, function, statement = scene.tree, scene.function, scene.statement
    if function is None or statement is None:
        return
    cause = next(scene.causes("clobbered"), None)
    call = tree.up(scene.node_of(cause.insn_idx), "call_expression") if cause is not None else _moves_packet(scene)
    place = tree.statement(call) if call is not None else None
    if call is None or place is None or tree.function(call) is None:
        return
    home = tree.function(call)
    if home is None:
        return
    lines = _again(scene, home, place)
    if not lines:
        return
    yield Candidate(
        f"Load and compare the packet pointers again after {called(tree, call)}()",
        f"{called(tree, call)}() may move the packet, so the verifier forgets every pointer into it.",
        after(tree, place, lines),
    )


def _moves_packet(scene: Scene) -> Node | None:
    """The last call on the path of a helper that may move the packet."""
    for node in scene.path_nodes:
        call = scene.tree.up(node, "call_expression")
        if call is not None and _MOVES.search(called(scene.tree, call)):
            return call
    return None


def _again(scene: Scene, function: Node, place: Node) -> list[str]:
    """The statements before a place that make packet pointers and compare them, to be done once more."""
    tree = scene.tree
    derived: dict[str, str] = {}
    checks: list[tuple[Node, str]] = []
    for node in tree.find(function, "init_declarator", "assignment_expression", "if_statement"):
        if node.start_byte >= place.start_byte:
            break
        if node.type == "if_statement":
            condition, body = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
            if condition is not None and body is not None and tree.names(condition) & set(derived):
                checks.append((node, tree.of(node)))
            continue
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        name = tree.declared(node.child_by_field_name("declarator")) or node.child_by_field_name("left")
        if value is None or name is None or name.type != "identifier":
            continue
        text = tree.of(value)
        kind = type_of_in(tree, function, tree.of(name))
        if re.search(r"->data(?:_end|_meta)?$", text) or ("*" in kind and tree.names(value) & set(derived)):
            derived[tree.of(name)] = text
    ends_ = {name for name, text in derived.items() if text.endswith("data_end")}
    wanted = {n for n in derived if n in tree.names(function)}
    later = _used_after(scene, function, place, set(derived))
    needed = _closure(tree, derived, later) | ends_
    lines = [f"{name} = {text};" for name, text in derived.items() if name in needed & wanted]
    step = tree.step
    for node, _ in checks:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
        if (
            condition is None
            or body is None
            or not tree.names(condition) & ends_
            and "data_end" not in tree.of(condition)
        ):
            continue
        parts = [part for part in _parts(tree, condition) if _is_end_check(part, ends_)]
        if not parts:
            continue
        last = body.named_children[-1] if body.type == "compound_statement" and body.named_children else body
        if body.start_byte <= place.start_byte < body.end_byte:
            # The call is where the packet is too short: what to do if it still is, the function's other checks say.
            leave = next(iter(exits(scene, place)), "")
            lines += [f"if ({' || '.join(parts)})", f"{step}{leave}"] if leave else []
            continue
        lines += [f"if ({' || '.join(parts)})", f"{step}{tree.of(last)}"]
    return lines


def _is_end_check(text: str, ends_: set[str]) -> bool:
    return bool(re.search(r"[<>]", text.replace("->", ""))) and (
        any(re.search(rf"\b{re.escape(e)}\b", text) for e in ends_) or "data_end" in text
    )


def _parts(tree: CTree, condition: Node) -> list[str]:
    """The parts of `a || b || c`."""
    found: list[str] = []
    stack = [condition]
    while stack:
        node = stripped(tree, stack.pop())
        operator = node.child_by_field_name("operator") if node.type == "binary_expression" else None
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if operator is not None and operator.type == "||" and left is not None and right is not None:
            stack += [right, left]
        else:
            found.append(tree.of(node))
    return found


def _used_after(scene: Scene, function: Node, place: Node, names: set[str]) -> set[str]:
    tree = scene.tree
    return {
        tree.of(n) for n in tree.find(function, "identifier") if n.start_byte >= place.end_byte and tree.of(n) in names
    }


def _closure(tree: CTree, derived: dict[str, str], names: set[str]) -> set[str]:
    found, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        queue += [other for other in derived if re.search(rf"\b{re.escape(other)}\b", derived.get(name, ""))]
    return found
