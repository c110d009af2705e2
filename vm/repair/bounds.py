"""Indexes and sizes: a bound that is missing, one of its ends, or a bound that clang or arithmetic lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.big_locals import WIDTHS, constant
from vm.csource.tree import LOOPS, CTree
from vm.program import Edit
from vm.repair.candidate import Candidate, before, guard, hoisted, replaced
from vm.repair.cview import (
    accesses,
    call_at,
    declaration,
    exits,
    fresh,
    is_signed,
    stripped,
    type_of,
    unsigned,
)
from vm.repair.scene import Scene
from vm.trace.root_cause import CauseKind
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from tree_sitter import Node

NAME: Final = re.compile(r"[A-Za-z_]\w*")
BOUND_WHY: Final = "The verifier has to know, from comparisons or masks on this path, that {what} stays below {bound}."


def index_bound(scene: Scene) -> Iterator[Candidate]:
    """Of a variable index into an array or buffer."""
    statement = scene.statement
    if statement is None:
        return
    for index, bound in _indexes(scene):
        yield from _bounded(scene, index, bound, scene.tree.statement(index) or statement, "the index")


def _indexes(scene: Scene) -> list[tuple[Node, str]]:
    """(index, number of elements as C) of the accesses near the place at fault, the nearest first."""
    tree = scene.tree
    found: list[tuple[Node, str]] = []
    near = accesses(scene)
    statement = scene.statement
    if statement is not None:
        call = call_at(scene, scene.insn_idx) or tree.up(scene.node, "call_expression")
        near += list(tree.find(call, "subscript_expression", "pointer_expression")) if call is not None else []
        near += list(tree.find(statement, "subscript_expression"))
    for cause in scene.causes("arithmetic", "move"):
        place = scene.node_of(cause.insn_idx)
        made = tree.statement(place) if place is not None else None
        if made is not None and made.type not in LOOPS:
            near += list(tree.find(made, "subscript_expression", "pointer_expression"))
    seen = set()
    for access in near:
        if (access.start_byte, access.end_byte) in seen:
            continue
        seen.add((access.start_byte, access.end_byte))
        if access.type == "subscript_expression":
            array, index = access.child_by_field_name("argument"), access.child_by_field_name("index")
            if array is None or index is None or re.fullmatch(r"\d+", tree.of(index)):
                continue
            found += [(index, bound) for bound in _elements(scene, array)]
        elif access.type == "pointer_expression":
            inner = access.child_by_field_name("argument")
            inner = stripped(tree, inner) if inner is not None else None
            if inner is not None and inner.type == "binary_expression":
                right = inner.child_by_field_name("right")
                if right is not None and not tree.of(right).isdigit():
                    found += [(right, bound) for bound in _elements(scene, inner)]
    return found


def _elements(scene: Scene, array: Node) -> list[str]:
    """How many elements an array has, as C: the name in its declaration, sizeof, or the number the verifier knows."""
    tree = scene.tree
    text = tree.of(array)
    found = []
    name = array
    if array.type == "field_expression":
        name = array.child_by_field_name("field") or array
    if array.type in ("identifier", "field_expression"):
        size = _dimension(scene, tree.of(name), array.type == "field_expression")
        if size:
            found.append(size)
    if array.type == "subscript_expression":
        return _inner_dimension(scene, array)
    memory = _memory(scene)
    if not found and memory:
        width = _width(scene, array)
        if memory // width > 0:
            found.append(str(memory // width))
    return found or ([f"sizeof({text}) / sizeof({text}[0])"] if array.type == "field_expression" else [])


def _width(scene: Scene, array: Node) -> int:
    """Bytes of an element: of the declared type, or as many as the access has."""
    kind = type_of(scene, scene.tree.of(array)) if array.type == "identifier" else ""
    words = re.sub(r"\b(?:const|volatile|unsigned|signed|static)\b|\*|\[.*", " ", kind).split()
    named = WIDTHS.get(words[0] if words else "int" if "unsigned" in kind else "", 0)
    return named or scene.value("size") or 1


def _inner_dimension(scene: Scene, array: Node) -> list[str]:
    """Of a[i][j]: the second dimension."""
    tree, depth = scene.tree, 0
    node = array
    while node.type == "subscript_expression":
        inner = node.child_by_field_name("argument")
        if inner is None:
            return []
        node, depth = inner, depth + 1
    member = node.type == "field_expression"
    name = node.child_by_field_name("field") if member else node
    sizes = _dimensions(scene, tree.of(name), member) if name is not None else []
    return sizes[depth : depth + 1]


def _dimension(scene: Scene, name: str, member: bool) -> str:
    """The first size in the declaration of an array of that name."""
    return next(iter(_dimensions(scene, name, member)), "")


def _dimensions(scene: Scene, name: str, member: bool) -> list[str]:
    tree = scene.tree
    for node in tree.find(tree.root, "array_declarator"):
        inner = node.child_by_field_name("declarator")
        if inner is None or tree.of(inner) != name or member != (inner.type == "field_identifier"):
            continue
        sizes: list[str] = []
        here = node
        while True:
            size = here.child_by_field_name("size")
            if size is None:
                return sizes
            sizes.append(tree.of(size))
            if here.parent is None or here.parent.type != "array_declarator":
                return sizes
            here = here.parent
    return []


def _memory(scene: Scene) -> int:
    """Bytes of the memory at fault, from its start."""
    found = scene.value("memory_size") or scene.value("mem_size") or scene.value("value_size")
    if found:
        return found
    pointer = pointer_at(scene)
    if pointer is None:
        return 0
    return memory_size(scene, pointer)


def memory_size(scene: Scene, pointer: RegState) -> int:
    """Bytes from a pointer on, before anything variable is added to it; 0 where that is not known."""
    if t.base_type(pointer.type) == t.PTR_TO_STACK:
        return max(-pointer.off, 0)
    if t.base_type(pointer.type) == t.PTR_TO_MAP_VALUE and 0 <= pointer.map_ptr < len(scene.program.maps):
        spec = scene.program.maps[pointer.map_ptr]
        spec = spec.inner if pointer.inner_map and spec.inner is not None else spec
        return spec.value_size - max(pointer.off, 0)
    return pointer.mem_size


def pointer_at(scene: Scene) -> RegState | None:
    """The pointer of the access, or of the arithmetic, at fault."""
    if not scene.frames:
        return None
    regs = scene.frames[-1].regs
    insn = scene.insn
    for regno in (scene.regno, insn.dst_reg, insn.src_reg):
        if 0 <= regno < len(regs) and regs[regno].type not in (t.SCALAR_VALUE, t.NOT_INIT):
            return regs[regno]
    return None


def _bounded(scene: Scene, index: Node, bound: str, statement: Node, what: str) -> Iterator[Candidate]:
    tree = scene.tree
    inner = stripped(tree, index)
    name, why = tree.of(inner), BOUND_WHY.format(what=tree.of(index), bound=bound)
    if NAME.fullmatch(name) and statement.type in LOOPS:
        yield from _in_the_loop(scene, index, name, bound, statement, why)
    if NAME.fullmatch(name):
        if is_signed(type_of(scene, name)) and not compared_from_below(scene, name):
            yield from made_unsigned(scene, name)
        yield from _existing(scene, name, bound, why)
        yield from _elsewhere(scene, bound, why)
        low = f"{name} < 0 || " if is_signed(type_of(scene, name)) else ""
        for leave in exits(scene, statement)[:2]:
            lines = guard(tree, f"{low}{name} >= {same_sign(scene, name, bound)}", leave)
            yield Candidate(f"Compare {name} with {bound} before it is used", why, before(tree, statement, lines))
    mask = _mask(scene, bound)
    if not NAME.fullmatch(name):
        yield from _hoisted(scene, index, bound, statement, why)
    if mask and "&" not in tree.of(index):
        simple = inner.type in ("identifier", "field_expression", "call_expression", "subscript_expression")
        masked = f"{name if simple else f'({tree.of(index)})'} & {mask}"
        yield Candidate(f"Mask {what} with {bound} - 1", why, (replaced(tree, index, masked),))
    if NAME.fullmatch(name) and not NAME.fullmatch(tree.of(statement)):
        yield from with_barrier(scene, name, bound, statement, index)


def _in_the_loop(scene: Scene, index: Node, name: str, bound: str, loop: Node, why: str) -> Iterator[Candidate]:
    """An index that a loop's own condition uses: compared there first."""
    tree, condition = scene.tree, loop.child_by_field_name("condition")
    if condition is None or not condition.start_byte <= index.start_byte < condition.end_byte:
        return
    inner = condition.named_children[0] if condition.type == "parenthesized_expression" else condition
    text = f"({tree.of(inner)})" if "||" in tree.of(inner) else tree.of(inner)
    yield Candidate(
        f"End the loop where {name} reaches {bound}", why, (replaced(tree, inner, f"{name} < {bound} && {text}"),)
    )


def _elsewhere(scene: Scene, bound: str, why: str) -> Iterator[Candidate]:
    """The comparison that the explanation names, in another function than the access, with the wrong number."""
    tree, cause = scene.tree, scene.failure.cause
    limit = constant(tree, bound)
    if cause.kind is not CauseKind.CHECK_TOO_WEAK or cause.line is None or limit is None:
        return
    for node in tree.find(tree.root, "binary_expression"):
        left, right, operator = (node.child_by_field_name(f) for f in ("left", "right", "operator"))
        if left is None or right is None or operator is None or operator.type not in ("<", "<=", ">", ">="):
            continue
        value = constant(tree, tree.of(right))
        if tree.line(node.start_byte) != cause.line or tree.function(node) == scene.function or value is None:
            continue
        sign = ">=" if operator.type[0] == ">" else "<"
        text = tree.of(right) if value == limit else bound
        if value >= limit and (sign, text) != (operator.type, tree.of(right)):
            yield Candidate(
                f"Compare {tree.of(left)} with {text} by {sign}", why,
                (tree.edit(operator.start_byte, right.end_byte, f"{sign} {text}"),),
            )  # fmt: skip


def compared_from_below(scene: Scene, name: str) -> bool:
    """Whether the function compares a variable with 0 from below: it may hold an error then."""
    function = scene.function
    text = scene.tree.of(function) if function is not None else ""
    return re.search(rf"\b{re.escape(name)}\s*(?:<|<=|>=|>)\s*[01]\b", text) is not None


def same_sign(scene: Scene, name: str, bound: str) -> str:
    return f"(int)({bound})" if "sizeof" in bound and is_signed(type_of(scene, name)) else bound


def _mask(scene: Scene, bound: str) -> str:
    """`bound - 1`, if the bound is a power of two."""
    number = constant(scene.tree, bound)
    if number is None or number <= 1 or number & (number - 1):
        return ""
    return f"({bound} - 1)" if not bound.isdigit() else str(number - 1)


def _existing(scene: Scene, name: str, bound: str, why: str) -> Iterator[Candidate]:
    """A comparison of the variable that is there, with the wrong number or operator."""
    tree, function = scene.tree, scene.function
    for node in tree.find(function, "binary_expression") if function is not None else ():
        left, right, operator = (node.child_by_field_name(f) for f in ("left", "right", "operator"))
        if left is None or right is None or operator is None or operator.type not in ("<", "<=", ">", ">="):
            continue
        if (
            tree.of(stripped(tree, left)) != name
            or scene.statement is None
            or left.start_byte > scene.statement.end_byte
        ):
            continue
        leaves = operator.type[0] == ">"
        if tree.of(right) in (bound,) and operator.type in ("<", ">="):
            continue
        if tree.names(right) and constant(tree, tree.of(right)) is None and bound not in tree.of(right):
            continue
        if constant(tree, tree.of(right)) == 0 or tree.of(right) == "0":
            continue
        edits = [tree.edit(operator.start_byte, right.end_byte, f"{'>=' if leaves else '<'} {bound}")]
        edits += _clamp(tree, node, name, bound)
        yield Candidate(f"Compare {name} with {bound}", why, tuple(edits))


def _clamp(tree: CTree, comparison: Node, name: str, bound: str) -> list[Edit]:
    """`if (i > 32) i = 32;`: the assigned number is corrected as well."""
    statement = tree.up(comparison, "if_statement")
    body = statement.child_by_field_name("consequence") if statement is not None else None
    for node in tree.find(body, "assignment_expression") if body is not None else ():
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and tree.of(left) == name:
            return [replaced(tree, right, f"{bound} - 1" if not bound.isdigit() else str(int(bound) - 1))]
    return []


def made_unsigned(scene: Scene, name: str) -> Iterator[Candidate]:
    """The variable's type made unsigned, so that one comparison bounds both ends."""
    found = declaration(scene.tree, scene.function, name) if scene.function is not None else None
    if found is None:
        return
    node, _, kind = found
    other, base = unsigned(kind), node.child_by_field_name("type")
    if not other or base is None or scene.tree.of(base) not in kind:
        return
    text = unsigned(scene.tree.of(base))
    if text:
        yield Candidate(
            f"Make {name} unsigned: {text}",
            f"{name} is signed and may be negative; as an unsigned number one comparison bounds it at both ends.",
            (replaced(scene.tree, base, text),),
        )


def _hoisted(scene: Scene, index: Node, bound: str, statement: Node, why: str) -> Iterator[Candidate]:
    """The index computed once, into a variable that is compared and used."""
    tree = scene.tree
    if statement.type in ("for_statement", "while_statement", "do_statement"):
        return
    name = fresh(scene, "index")
    for leave in exits(scene, statement)[:2]:
        lines = [f"unsigned int {name} = {tree.of(index)};", *guard(tree, f"{name} >= {bound}", leave)]
        edits = hoisted(tree, statement, lines, index, name)
        if not tree.bare(statement):
            yield Candidate(f"Compute the index once and compare it with {bound}", why, edits)
            wide = [f"unsigned long {name} = {tree.of(index)};", *lines[1:]]
            barrier = [f'asm volatile("" : "+r"({name}));']
            edits = hoisted(tree, statement, [wide[0], *barrier, *lines[1:]], index, name)
            yield Candidate(f"Compute the index once and compare it with {bound}", why, edits)


def with_barrier(scene: Scene, name: str, bound: str, statement: Node, use: Node) -> Iterator[Candidate]:
    """The comparison of the value that is used, kept by an empty asm that clang cannot look through."""
    tree = scene.tree
    if statement.type in ("for_statement", "while_statement", "do_statement") or tree.bare(statement):
        return
    copy = fresh(scene, f"{name}_bounded")
    for leave in exits(scene, statement)[:1]:
        check = guard(tree, f"{copy} >= {bound}", leave)
        yield behind_barrier(scene, statement, use, name, copy, check, "Compare")


def behind_barrier(
    scene: Scene, statement: Node, use: Node, name: str, copy: str, check: list[str], what: str
) -> Candidate:
    """A copy of the variable `name` used in its place, checked behind an empty asm that clang cannot look through.

    check -- the lines that check the copy; what -- what they do, the first word of the title
    """
    lines = [f"unsigned long {copy} = {name};", f'asm volatile("" : "+r"({copy}));', *check]
    return Candidate(
        f"{what} the copy of {name} that is used, behind a barrier",
        "clang may compare another copy of the value than the one that is used; it cannot look through the empty asm, "
        "so that both are the same register.",
        hoisted(scene.tree, statement, lines, use, copy),
        last=True,
    )
