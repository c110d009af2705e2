"""A comparison with the packet's end: missing, of too few bytes, of another pointer, or the wrong way round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.tree import LOOPS
from vm.kernel import types as k
from vm.program import Edit
from vm.repair.candidate import Candidate, after, before, guard, hoisted, replaced
from vm.repair.cview import (
    accesses,
    arguments,
    assigned,
    calls_of,
    ends,
    exits,
    followed,
    fresh,
    stripped,
    type_of,
    type_of_in,
)
from vm.repair.loops import bounded_loop
from vm.repair.nulls import first_use, unchecked_result
from vm.repair.scene import Scene
from vm.repair.stale import stale_pointers
from vm.trace.root_cause import CauseKind
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from tree_sitter import Node

ROUNDS: Final = 1024
"""Rounds of a loop that walks the packet, at most: a comparison counts within the first 65,535 bytes only."""

_FLIP: Final = {"<": ">", "<=": ">", ">": "<", ">=": "<"}


def packet_check(scene: Scene) -> Iterator[Candidate]:
    """Of an access that is not proven to be inside the packet."""
    reg = scene.reg
    if scene.statement is None or reg is None or reg.type not in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META):
        return
    too_far = reg.off + reg.scalar.umax + scene.value("size") > t.MAX_PACKET_OFF
    if too_far or scene.failure.cause.kind is CauseKind.UNBOUNDED_LOOP:
        yield from _too_far(scene)
    if scene.value("off") < 0 and reg.id:
        yield from _before_the_start(scene)
    wanted = _wanted(scene)
    yield from _flipped(scene, wanted)
    yield from _longer(scene, wanted)
    yield from _new_check(scene, wanted)
    yield from _from_the_start(scene)
    yield from _in_callers(scene)
    yield from unchecked_result(scene)
    yield from stale_pointers(scene)


def _limit_words(scene: Scene) -> str:
    """What bounds the memory that is accessed: the packet's end, of metadata its start."""
    if scene.reg is not None and scene.reg.type == t.PTR_TO_PACKET_META:
        return "the packet's start"
    return "optval_end" if scene.program.prog_type == k.BPF_PROG_TYPE_CGROUP_SOCKOPT else "the packet's end"


def _why(scene: Scene, name: str) -> str:
    return (
        f"The verifier allows such an access only after {name} and all bytes that are read behind it were compared "
        f"with {_limit_words(scene)} on this path."
    )


def _wanted(scene: Scene) -> list[tuple[str, str]]:
    """(pointer, end of what is accessed through it) for the accesses near the place at fault, the nearest first."""
    tree = scene.tree
    found: dict[str, str] = {}
    for access in accesses(scene):
        inner = followed(tree, access)
        if inner is None:
            continue
        inner = stripped(tree, inner)
        if inner.type == "update_expression":
            inner = inner.child_by_field_name("argument") or inner
        text = tree.of(inner)
        if access.type == "subscript_expression":
            index = access.child_by_field_name("index")
            if index is None or inner.type == "field_expression":
                continue
            at = tree.of(index)
            at = at if re.fullmatch(r"\w+", at) else f"({at})"
            found.setdefault(text, f"{text} + {at} + 1")
        elif inner.type == "binary_expression" or inner.type in ("identifier", "field_expression"):
            found.setdefault(text, f"{text} + 1")
    constants: dict[str, int] = {}
    for access in accesses(scene):
        if access.type == "subscript_expression":
            inner, index = followed(tree, access), access.child_by_field_name("index")
            if inner is not None and index is not None and tree.of(index).isdigit():
                name = tree.of(stripped(tree, inner))
                constants[name] = max(constants.get(name, 0), int(tree.of(index)) + 1)
    return [(name, f"{name} + {constants[name]}" if name in constants else end) for name, end in found.items()][:4]


def _statement_of(scene: Scene, name: str) -> Node | None:
    """The statement at fault, or the one in the loop at fault that follows the pointer."""
    tree, statement = scene.tree, scene.statement
    if statement is None or statement.type not in LOOPS:
        return statement
    for access in accesses(scene):
        inner = followed(tree, access)
        if inner is not None and tree.of(stripped(tree, inner)) == name:
            return tree.statement(access)
    return statement


def _end(scene: Scene, function: Node) -> list[str]:
    if scene.reg is not None and scene.reg.type == t.PTR_TO_PACKET_META:
        return _data(scene, function)
    return ends(scene, function)[:2]


def _data(scene: Scene, function: Node) -> list[str]:
    """What holds the packet's start."""
    tree = scene.tree
    found: dict[str, None] = {}
    for node in tree.find(function, "init_declarator", "assignment_expression"):
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if value is not None and re.search(r"->data$", tree.of(value)):
            left = tree.declared(node.child_by_field_name("declarator")) or node.child_by_field_name("left")
            if left is not None:
                found.setdefault(tree.of(left))
    if scene.reg is not None and scene.reg.type == t.PTR_TO_PACKET_META:
        contexts = (name for name, (kind, _) in tree.parameters(function).items() if "struct xdp_md" in kind)
        found |= dict.fromkeys(f"(void *)(long){name}->data" for name in contexts)
    return list(found)


def _new_check(scene: Scene, wanted: list[tuple[str, str]]) -> Iterator[Candidate]:
    tree, function, statement = scene.tree, scene.function, scene.statement
    if function is None or statement is None:
        return
    for name, end in wanted:
        for limit in _end(scene, function):
            place = first_use(scene, name, _statement_of(scene, name))
            if place is None or place.type in LOOPS:
                continue
            for leave in exits(scene, place)[:2]:
                lines = guard(tree, f"(void *)({end}) > {_as_pointer(scene, limit)}", leave)
                yield Candidate(
                    f"Compare {name} with {_limit_words(scene)} first", _why(scene, name), before(tree, place, lines)
                )


def _as_pointer(scene: Scene, limit: str) -> str:
    function = scene.function
    if function is not None and re.fullmatch(r"\w+->optval_end", limit):
        return limit
    if function is None or not limit.isidentifier():
        return limit
    return limit if type_of_in(scene.tree, function, limit).startswith("void *") else f"(void *){limit}"


def _comparisons(scene: Scene) -> list[Node]:
    """Comparisons with the packet's end in the functions of the path."""
    tree = scene.tree
    found: dict[int, Node] = {}
    for place in scene.path_nodes:
        node = tree.up(place, "binary_expression")
        while node is not None:
            operator = node.child_by_field_name("operator")
            if operator is not None and operator.type in _FLIP:
                found.setdefault(node.start_byte, node)
                break
            node = tree.up(node.parent, "binary_expression")
    function = scene.function
    if function is not None:
        for node in tree.find(function, "binary_expression"):
            operator = node.child_by_field_name("operator")
            if operator is not None and operator.type in _FLIP:
                found.setdefault(node.start_byte, node)
    return [n for n in found.values() if _limit(scene, n) is not None]


def _limit(scene: Scene, node: Node) -> Node | None:
    """The side of a comparison that is the packet's end."""
    tree, function = scene.tree, scene.tree.function(node)
    known = _end(scene, function) if function is not None else []
    for side in ("right", "left"):
        found = node.child_by_field_name(side)
        if found is None:
            continue
        text = tree.of(stripped(tree, found))
        if text in known or re.search(r"(?:->|\.)?\b\w*end$", text):
            return found
    return None


def _flipped(scene: Scene, wanted: list[tuple[str, str]]) -> Iterator[Candidate]:
    tree = scene.tree
    names = {name for name, _ in wanted}
    for node in _comparisons(scene):
        operator, left, right = (node.child_by_field_name(f) for f in ("operator", "left", "right"))
        if operator is None or left is None or right is None or not names & tree.names(node):
            continue
        limit = _limit(scene, node)
        normal = ">" if limit is not None and limit.id == right.id else "<"
        if operator.type[0] == normal:
            continue
        statement = tree.statement(node)
        if statement is None or statement.type != "if_statement":
            continue
        yield Candidate(
            "Turn the comparison with the packet's end round",
            "As it is, the program goes on only with packets that are too short.",
            (replaced(tree, operator, normal),),
        )


def _longer(scene: Scene, wanted: list[tuple[str, str]]) -> Iterator[Candidate]:
    """An existing comparison of the same pointer, extended to the bytes that are read."""
    tree = scene.tree
    by_name = dict(wanted)
    for node in _comparisons(scene):
        limit = _limit(scene, node)
        sides = [node.child_by_field_name(f) for f in ("left", "right")]
        other = next((s for s in sides if s is not None and limit is not None and s.id != limit.id), None)
        if other is None or scene.function is None or tree.function(node) != scene.function:
            continue
        names = tree.names(other)
        for name, end in by_name.items():
            base = name.split("->")[0]
            if base not in names or tree.of(other).replace(" ", "") in (f"(void*)({end})".replace(" ", ""), end):
                continue
            kind = type_of(scene, base)
            text = f"(void *)({end})" if "char" not in kind and "u8" not in kind or "void" in tree.of(other) else end
            limit_text = tree.of(limit) if limit is not None else ""
            if text.startswith("(void") and limit is not None and "void" not in limit_text:
                yield Candidate(
                    f"Compare all bytes that are read through {name}",
                    _why(scene, name),
                    (replaced(tree, other, text), replaced(tree, limit, _as_pointer(scene, limit_text))),
                )
                continue
            operator = node.child_by_field_name("operator")
            edits = [replaced(tree, other, text)]
            if operator is not None and limit is not None and operator.type in (">=", "<"):
                right = limit.start_byte > other.start_byte
                if operator.type == (">=" if right else "<"):
                    edits.append(replaced(tree, operator, ">" if right else "<="))  # up to and with the last byte
            yield Candidate(f"Compare all bytes that are read through {name}", _why(scene, name), tuple(edits))


def _from_the_start(scene: Scene) -> Iterator[Candidate]:
    """Counted from the packet's start, where the access is at a constant offset of it."""
    reg, tree, function, statement = scene.reg, scene.tree, scene.function, scene.statement
    if reg is None or reg.id or function is None or statement is None:
        return
    size = scene.value("size") or 1
    end = scene.value("off") + size if scene.value("off") >= 0 else 0
    if not 0 < end <= 0xFFFF:
        return
    for data in _data(scene, function)[:1]:
        for limit in _end(scene, function)[:1]:
            for leave in exits(scene, statement)[:1]:
                lines = guard(tree, f"(void *){data} + {end} > {_as_pointer(scene, limit)}", leave)
                yield Candidate(
                    f"Compare the first {end} bytes with the packet's end", _why(scene, data),
                    before(tree, statement, lines),
                )  # fmt: skip


def _in_callers(scene: Scene) -> Iterator[Candidate]:
    """The function at fault has no packet end: the check goes before its calls."""
    tree, function = scene.tree, scene.function
    if function is None:
        return
    name = tree.function_name(function)
    parameters = list(tree.parameters(function).items())
    wanted = dict(_wanted(scene))
    for call in calls_of(tree, name):
        statement, caller = tree.statement(call), tree.function(call)
        if statement is None or caller is None:
            continue
        for (parameter, (kind, _)), argument in zip(parameters, arguments(call), strict=False):
            if "*" not in kind or not (parameter in wanted or "void" in kind):
                continue
            given = tree.of(argument)
            end = wanted.get(parameter, f"{parameter} + 1")
            end = re.sub(rf"\b{re.escape(parameter)}\b", given if given.isidentifier() else f"({given})", end)
            for limit in ends(scene, caller)[:1]:
                for leave in exits(scene, statement)[:1]:
                    yield Candidate(
                        f"Compare {given} with the packet's end before {name}() uses it",
                        _why(scene, given),
                        before(tree, statement, guard(tree, f"(void *)({end}) > {limit}", leave)),
                    )


def _too_far(scene: Scene) -> Iterator[Candidate]:
    """The pointer may lie so far in the packet that no comparison counts."""
    tree, statement = scene.tree, scene.statement
    loop = tree.up(statement, *LOOPS) if statement is not None else None
    why = "Comparisons with the packet's end count within its first 65,535 bytes only, so the loop needs a bound."
    if loop is not None:
        # What was walked before this round was accepted.
        accepted = scene.path.count(scene.insn_idx)
        yield from bounded_loop(scene, loop, min(ROUNDS, accepted or ROUNDS), why)
    node = scene.node
    function = scene.function
    if node is None or function is None:
        return
    why = "Comparisons with the packet's end count within its first 65,535 bytes only: what is added has to be small."
    for cause in scene.causes("arithmetic", "move", "load"):
        place = scene.node_of(cause.insn_idx)
        where = tree.statement(place) if place is not None else None
        if place is None or where is None:
            continue
        for name in _numbers(scene, where):
            for leave in exits(scene, where)[:1]:
                lines = guard(tree, f"{name} > 1500", leave)
                yield Candidate(f"Bound {name} before it is added", why, before(tree, where, lines))
        for member in _members(scene, where):
            text, name = tree.of(member), fresh(scene, re.findall(r"\w+", tree.of(member))[-1])
            for leave in exits(scene, where)[:1]:
                lines = [f"unsigned int {name} = {text};", *guard(tree, f"{name} > 1500", leave)]
                edits = hoisted(tree, where, lines, member, name)
                yield Candidate(f"Bound {text} before it is added", why, edits)
                checked = _compared_after(scene, where, leave)
                if checked:
                    yield Candidate(f"Bound {text} before it is added, and compare the result", why, (*edits, *checked))


def _before_the_start(scene: Scene) -> Iterator[Candidate]:
    """A constant that is taken from a pointer behind a number: taken from the number instead, in one register."""
    tree, function = scene.tree, scene.function
    if function is None:
        return
    for node in tree.find(function, "binary_expression"):
        operator, left, right = (node.child_by_field_name(f) for f in ("operator", "left", "right"))
        statement = tree.statement(node)
        if operator is None or left is None or right is None or operator.type != "-" or statement is None:
            continue
        added = stripped(tree, left)
        plus = added.child_by_field_name("operator") if added.type == "binary_expression" else None
        base, number = added.child_by_field_name("left"), added.child_by_field_name("right")
        if plus is None or plus.type != "+" or base is None or number is None or tree.bare(statement):
            continue
        name = fresh(scene, "offset")
        lines = [f"unsigned long {name} = {tree.of(number)} - {tree.of(right)};", f'asm volatile("" : "+r"({name}));']
        for leave in exits(scene, statement)[:1]:
            head = [*lines, *guard(tree, f"{name} > 1500", leave)]
            edits = hoisted(tree, statement, head, node, f"{tree.of(base)} + {name}")
            yield Candidate(
                f"Compute {tree.of(number)} - {tree.of(right)} before it is added to {tree.of(base)}, and compare the "
                "result",
                "The verifier checks the constant part of an offset by itself, and it must not be negative. Behind the "
                "empty asm the number is added as one register.",
                (*edits, *_compared_after(scene, statement, leave)),
            )


def _compared_after(scene: Scene, statement: Node, leave: str) -> tuple[Edit, ...]:
    """A comparison with the packet's end behind the statement that makes a pointer."""
    tree, function = scene.tree, scene.function
    made = next(tree.find(statement, "init_declarator", "assignment_expression"), None)
    value = (made.child_by_field_name("value") or made.child_by_field_name("right")) if made is not None else None
    name = assigned(tree, value) if value is not None else ""
    limit = next(iter(_end(scene, function)), "") if function is not None else ""
    if not name.isidentifier() or not limit or tree.bare(statement):
        return ()
    return after(tree, statement, guard(tree, f"(void *)({name} + 1) > {_as_pointer(scene, limit)}", leave))


def _members(scene: Scene, statement: Node) -> list[Node]:
    """Members of a struct that a statement adds to something."""
    tree = scene.tree
    found: list[Node] = []
    for node in tree.find(statement, "binary_expression"):
        right, operator = node.child_by_field_name("right"), node.child_by_field_name("operator")
        inner = stripped(tree, right) if right is not None else None
        if inner is not None and operator is not None and operator.type == "+" and inner.type == "field_expression":
            found.append(inner)
    return found


def _numbers(scene: Scene, statement: Node) -> list[str]:
    """Integer variables of a statement that are added to something."""
    tree = scene.tree
    found: dict[str, None] = {}
    for node in tree.find(statement, "binary_expression"):
        for side in ("right", "left"):
            inner = node.child_by_field_name(side)
            if inner is None:
                continue
            inner = stripped(tree, inner)
            if inner.type == "identifier" and "*" not in type_of(scene, tree.of(inner)):
                found.setdefault(tree.of(inner))
    for node in tree.find(statement, "assignment_expression"):
        right = node.child_by_field_name("right")
        right = stripped(tree, right) if right is not None else None
        if right is not None and right.type == "identifier":
            found.setdefault(tree.of(right))
    return [name for name in found if type_of(scene, name)]
