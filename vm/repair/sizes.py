"""The size that a call is given with a buffer: too large, without a bound, or one that may be 0 or negative."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.big_locals import constant
from vm.isa import opcodes as o
from vm.repair.bounds import NAME, behind_barrier, compared_from_below, made_unsigned, memory_size, same_sign
from vm.repair.candidate import Candidate, before, guard, hoisted, replaced
from vm.repair.cview import arguments, assigned, call_at, called, exits, fresh, is_signed, stripped, type_of
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

LARGE: Final = 1 << 29
"""BPF_MAX_VAR_SIZ: sizes from here on are no bound."""


def size_bound(scene: Scene) -> Iterator[Candidate]:
    """Of the size that a call is given with a buffer."""
    tree, statement = scene.tree, scene.statement
    call = call_at(scene, scene.insn_idx)
    if call is None or statement is None or scene.insn.code != o.JMP | o.CALL:
        return
    given = arguments(call)
    for regno in dict.fromkeys((scene.also, scene.regno + 1, scene.regno)):
        if not 2 <= regno <= min(5, len(given)):
            continue
        size, buffer = given[regno - 1], given[regno - 2]
        if buffer.start_byte == size.start_byte or (tree.of(buffer).isdigit()):
            continue
        for bound in _room(scene, buffer, regno - 1):
            yield from _sized(scene, size, bound, statement, regno)
        yield from _at_any_offset(scene, size, buffer, regno - 1)


def _from_a_call(scene: Scene, name: str) -> bool:
    """Whether a variable has what a call returned: a negative number is an error then, and no length."""
    tree, function = scene.tree, scene.function
    found = tree.find(function, "call_expression") if function is not None else ()
    return any(assigned(tree, call) == name and called(tree, call)[:1].islower() for call in found)


def bounded(scene: Scene, regno: int) -> bool:
    """Whether a size has an upper bound, as a signed number of 32 bits at least."""
    s = scene.frames[-1].regs[regno].scalar if scene.frames else None
    return s is not None and min(s.umax, max(s.s32_max, 0)) < LARGE


def _at_any_offset(scene: Scene, size: Node, buffer: Node, regno: int) -> Iterator[Candidate]:
    """A constant size that fits at every offset the buffer's pointer may have, or an array twice as large."""
    tree, frames = scene.tree, scene.frames
    pointer = frames[-1].regs[regno] if frames else None
    if pointer is None or not pointer.scalar.var_off.mask or not tree.names(size):
        return
    memory = scene.value("memory_size")
    room = memory - pointer.off - pointer.scalar.umax
    if room > 0 and room >= memory // 8:
        yield Candidate(
            f"Give the size {room}, which fits at every offset",
            "The verifier knows a range of the offset and a range of the size, and not how they depend on each other.",
            (replaced(tree, size, str(room)),),
        )
    for node in (*tree.find(buffer, "field_identifier"), *tree.find(buffer, "identifier")):
        for each in tree.find(tree.root, "array_declarator"):
            inner, dimension = each.child_by_field_name("declarator"), each.child_by_field_name("size")
            if inner is None or dimension is None or tree.of(inner) != tree.of(node):
                continue
            yield Candidate(
                f"Make {tree.of(node)} twice as large",
                "The largest offset and the largest size together have to fit into the memory.",
                (replaced(tree, dimension, f"2 * {tree.of(dimension)}"),),
            )


def _room(scene: Scene, buffer: Node, regno: int) -> list[str]:
    """The size of a buffer as C: sizeof of the array or variable, or the number of bytes that the verifier knows."""
    tree = scene.tree
    inner = stripped(tree, buffer)
    found = []
    if inner.type == "pointer_expression" and tree.source[inner.start_byte] == "&":
        target = inner.child_by_field_name("argument")
        if target is not None and target.type in ("identifier", "field_expression"):
            found.append(f"sizeof({tree.of(target)})")
    elif inner.type == "identifier":
        kind = type_of(scene, tree.of(inner))
        if "[" in kind:
            found.append(f"sizeof({tree.of(inner)})")
        elif kind.count("*") == 1 and ("struct " in kind or "union " in kind):
            found.append(f"sizeof(*{tree.of(inner)})")
    elif inner.type in ("field_expression", "subscript_expression"):
        found.append(f"sizeof({tree.of(inner)})")
    known = memory_size(scene, scene.frames[-1].regs[regno]) if scene.frames and not found else 0
    return found or ([str(known)] if known > 0 else [])


def _sized(scene: Scene, size: Node, bound: str, statement: Node, regno: int) -> Iterator[Candidate]:
    tree = scene.tree
    text, inner = tree.of(size), stripped(tree, size)
    name = tree.of(inner)
    why = f"The call may touch as many bytes as its size argument says; the buffer has {bound}."
    variable = set(NAME.findall(re.sub(r"\bsizeof\s*\([^()]*\)", "", text))) & tree.names(size)
    fixed = all(constant(tree, n) is not None for n in variable)
    if fixed and text != bound:
        yield Candidate(f"Give the size of the buffer: {bound}", why, (replaced(tree, size, bound),))
        return
    zero = scene.rule.name in ("size-may-be-zero", "zero-sized-read")
    if NAME.fullmatch(name):
        signed = is_signed(type_of(scene, name))
        leave = exits(scene, statement)
        if zero:
            least = f"{name} < 1" if signed else f"!{name}"
            for each in leave[:1]:
                yield Candidate(f"Leave where {name} is 0", "The call takes at least one byte.",
                                before(tree, statement, guard(tree, least, each)))  # fmt: skip
                if not bounded(scene, regno):
                    cond = f"{least} || {name} > {same_sign(scene, name, bound) if signed else bound}"
                    yield Candidate(
                        f"Leave where {name} is 0 or larger than the buffer",
                        f"The call takes at least one byte. {why}",
                        before(tree, statement, guard(tree, cond, each)),
                    )  # fmt: skip
        if signed and not compared_from_below(scene, name):
            yield from made_unsigned(scene, name)
            if bounded(scene, regno) and not zero and not _from_a_call(scene, name):
                yield Candidate(
                    f"Take 0 where {name} is negative", f"{name} has an upper bound, and may be negative.",
                    before(tree, statement, guard(tree, f"{name} < 0", f"{name} = 0;")),
                )  # fmt: skip
        yield from _existing_size(scene, name, bound, why)
        if not signed:
            lines = guard(tree, f"{name} > {bound}", f"{name} = {bound};")
            yield Candidate(f"Take at most {bound} bytes", why, before(tree, statement, lines))
        for each in leave[:1]:
            low = f"{name} < 0 || " if signed else ""
            high = f"(int){bound}" if signed and not bound.isdigit() else bound
            lines = guard(tree, f"{low}{name} > {high}", each)
            yield Candidate(f"Compare {name} with the size of the buffer", why, before(tree, statement, lines))
        yield from _size_barrier(scene, size, name, bound, statement)
    else:
        copy = fresh(scene, "size")
        for kind in ("unsigned int", "unsigned long"):
            test = f"!{copy} || {copy} > {bound}" if zero else f"{copy} > {bound}"
            for each in exits(scene, statement)[:1]:
                lines = [f"{kind} {copy} = {text};", *guard(tree, test, each)]
                if kind == "unsigned long":
                    lines.insert(1, f'asm volatile("" : "+r"({copy}));')
                yield Candidate(
                    f"Compute the size once and compare it with {bound}", why,
                    hoisted(tree, statement, lines, size, copy),
                )  # fmt: skip


def _existing_size(scene: Scene, name: str, bound: str, why: str) -> Iterator[Candidate]:
    """A comparison of the size that is there, with a number that is too large."""
    tree, function = scene.tree, scene.function
    for node in tree.find(function, "binary_expression") if function is not None else ():
        left, right, operator = (node.child_by_field_name(f) for f in ("left", "right", "operator"))
        if left is None or right is None or operator is None or operator.type not in (">", ">="):
            continue
        if (
            tree.of(stripped(tree, left)) != name
            or scene.statement is None
            or left.start_byte > scene.statement.start_byte
        ):
            continue
        if tree.of(right) == "0" or tree.of(right) == bound:
            continue
        edits = [tree.edit(operator.start_byte, right.end_byte, f"> {bound}")]
        statement = tree.up(node, "if_statement")
        body = statement.child_by_field_name("consequence") if statement is not None else None
        for each in tree.find(body, "assignment_expression") if body is not None else ():
            target, value = each.child_by_field_name("left"), each.child_by_field_name("right")
            if target is not None and value is not None and tree.of(target) == name:
                edits.append(replaced(tree, value, bound))
        yield Candidate(f"Compare {name} with {bound}", why, tuple(edits))


def _size_barrier(scene: Scene, size: Node, name: str, bound: str, statement: Node) -> Iterator[Candidate]:
    copy = fresh(scene, f"{name}_bounded")
    check = guard(scene.tree, f"{copy} > {bound}", f"{copy} = {bound};")
    yield behind_barrier(scene, statement, size, name, copy, check, "Bound")
