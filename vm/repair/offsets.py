"""Numbers that are added to a pointer without a bound, before the access or in the argument of a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.csource.big_locals import WIDTHS, constant
from vm.repair.bounds import (
    BOUND_WHY,
    NAME,
    compared_from_below,
    made_unsigned,
    memory_size,
    pointer_at,
)  # fmt: skip
from vm.repair.candidate import Candidate, after, before, guard, replaced
from vm.repair.cview import arguments, assigned, call_at, declaration, exits, is_signed, stripped, type_of
from vm.repair.scene import Scene
from vm.verifier.state import reg_types as t

_LARGE: Final = 1 << 29  # BPF_MAX_VAR_OFF: numbers from here on are no bound
_LONGEST: Final = 1500  # bytes of a packet on Ethernet


def in_call(scene: Scene) -> Iterator[Candidate]:
    """Of `p + i` or `&p[i]` that a call is given with a size: the size has to fit behind it."""
    tree, statement, call = scene.tree, scene.statement, call_at(scene, scene.insn_idx)
    if call is None or statement is None or not scene.frames:
        return
    given = arguments(call)
    for regno in range(1, min(5, len(given)) + 1):
        inner = stripped(tree, given[regno - 1])
        index = None
        if inner.type == "binary_expression":
            index = inner.child_by_field_name("right")
        elif inner.type == "pointer_expression" and (target := inner.child_by_field_name("argument")) is not None:
            index = target.child_by_field_name("index") if target.type == "subscript_expression" else None
        pointer = scene.frames[-1].regs[regno]
        memory = memory_size(scene, pointer)
        name = tree.of(index) if index is not None else ""
        if not NAME.fullmatch(name) or memory <= 0 or "*" in type_of(scene, name) or "[" in type_of(scene, name):
            continue
        size = tree.of(given[regno]) if regno < len(given) else "1"
        room = f"{memory} - {size}" if constant(tree, size) is not None or "sizeof" in size else ""
        if not room:
            continue
        signed = is_signed(type_of(scene, name))
        why = f"{size} bytes from {name} on have to fit into the {memory} bytes of the buffer."
        if signed and not compared_from_below(scene, name):
            yield from made_unsigned(scene, name)
        for leave in exits(scene, statement)[:2]:
            test = f"{name} < 0 || {name} > {room}" if signed else f"{name} > {room}"
            yield Candidate(f"Compare {name} with {room} first", why, before(tree, statement, guard(tree, test, leave)))


def in_one_register(scene: Scene) -> Iterator[Candidate]:
    """If only the lower 32 bits of a number are compared: an empty asm, after which clang assumes nothing about it."""
    tree, statement, reg = scene.tree, scene.statement, scene.reg
    if statement is None or reg is None or reg.scalar.s32_max >= _LARGE or reg.scalar.umax < _LARGE:
        return
    condition = statement.child_by_field_name("condition")
    for name in sorted(tree.names(condition or statement)):
        kind = type_of(scene, name)
        if not kind or "*" in kind or "[" in kind or "struct" in kind:
            continue
        yield Candidate(
            f"Hide from clang what it knows of {name}",
            f"clang knows that the upper bits of {name} are 0, and compares the lower ones only. Behind the empty asm "
            "it knows nothing, so that all bits of the register are cleared or compared.",
            before(tree, statement, [f'asm volatile("" : "+r"({name}));']),
        )
        yield from _whole_register(scene, name, kind)


def _whole_register(scene: Scene, name: str, kind: str) -> Iterator[Candidate]:
    """The number as one of 64 bits, about which clang knows nothing from where it is computed on."""
    tree, function = scene.tree, scene.function
    found = declaration(tree, function, name) if function is not None else None
    if found is None or function is None or is_signed(kind) or WIDTHS.get(kind, 8) == 8:
        return
    type_node = found[0].child_by_field_name("type")
    if type_node is None or found[0].type != "declaration" or found[0].start_byte < function.start_byte:
        return
    edits = [replaced(tree, type_node, "__u64")]
    for node in tree.find(function, "assignment_expression", "init_declarator"):
        value = node.child_by_field_name("right") or node.child_by_field_name("value")
        made = tree.statement(node)
        if value is None or made is None or assigned(tree, value) != name:
            continue
        if tree.bare(made) or len(found[0].children_by_field_name("declarator")) != 1:
            return
        edits += after(tree, made, [f'asm volatile("" : "+r"({name}));'])
    yield Candidate(
        f"Make {name} an unsigned 64-bit number, compared as such",
        f"clang knows that {name} has {8 * WIDTHS[kind]} bits and compares the lower half of the register; the whole "
        "register is added to the pointer. Behind the empty asm clang knows nothing of it.",
        tuple(edits),
    )


def added(scene: Scene) -> Iterator[Candidate]:
    """Of a number that is added to a pointer, in the statement at fault or one of those that led there."""
    tree = scene.tree
    places = [scene.node, *(scene.node_of(cause.insn_idx) for cause in scene.causes("arithmetic", "move", "load"))]
    pointer = pointer_at(scene)
    packet = pointer is None or t.base_type(pointer.type) in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META)
    memory = 0 if packet or pointer is None else memory_size(scene, pointer)
    limit = str(memory) if memory > 0 else str(_LONGEST)
    done: set[str] = set()
    for place in places:
        statement = tree.statement(place) if place is not None else None
        for node in tree.find(statement, "binary_expression") if statement is not None else ():
            sides = [node.child_by_field_name(side) for side in ("left", "right")]
            names = [tree.of(stripped(tree, side)) for side in sides if side is not None]
            kinds = [type_of(scene, name) if NAME.fullmatch(name) else "" for name in names]
            if statement is None or not any("*" in kind or "[" in kind for kind in kinds):
                continue
            for name, kind in zip(names, kinds, strict=True):
                if not kind or "*" in kind or "[" in kind or name in done:
                    continue
                done.add(name)
                why = BOUND_WHY.format(what=name, bound=limit)
                if is_signed(kind) and not compared_from_below(scene, name):
                    yield from made_unsigned(scene, name)
                low = f"{name} < 0 || " if is_signed(kind) else ""
                for leave in exits(scene, statement)[:2]:
                    lines = guard(tree, f"{low}{name} > {limit}", leave)
                    yield Candidate(f"Bound {name} before it is added", why, before(tree, statement, lines))
