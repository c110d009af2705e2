"""A NULL check that is missing, comes too late, or goes the wrong way round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.repair.candidate import Candidate, after, before, guard, replaced, wrapped
from vm.repair.cview import arguments, assigned, call_at, called, exits, pointers, stripped
from vm.repair.scene import Scene
from vm.verifier.rules.rule import Topic
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from tree_sitter import Node

_LEAVES: Final = ("return_statement", "goto_statement", "break_statement", "continue_statement")


def missing_check(scene: Scene) -> Iterator[Candidate]:
    """Of a pointer that may be NULL, or is NULL on this path."""
    if scene.statement is None or not _may_be_null(scene):
        return
    yield from _wrong_way(scene)
    yield from _either(scene)
    for name in _subjects(scene):
        why = f"{name} may be NULL here, and the verifier lets no program follow a pointer that it has not compared."
        yield from _falls_through(scene, name, why)
        yield from _in_condition(scene, name, why)
        yield from _before_use(scene, name, why)
        yield from _after_assignment(scene, name, why)


def _may_be_null(scene: Scene) -> bool:
    reg = scene.reg
    if reg is None:
        return False
    known_null = reg.type == t.SCALAR_VALUE and reg.scalar.umax < 4096  # NULL, or an offset from it
    if known_null and scene.rule.topic is Topic.SIZE:
        return False
    return bool(reg.type & t.PTR_MAYBE_NULL) or known_null


def _subjects(scene: Scene) -> list[str]:
    """Variables that may hold the pointer: those used here, those that were given the call's result."""
    tree = scene.tree
    origin = ""
    for cause in scene.causes("call", "acquired", "load"):
        call = call_at(scene, cause.insn_idx) if cause.kind != "load" else scene.node_of(cause.insn_idx)
        if call is not None and (name := assigned(tree, call)):
            origin = name
            break
    found = _argument_subjects(scene) + pointers(scene)
    # The nearest is not always the one: a value that a call gave has its name from there.
    if origin and _visible(scene, origin):
        found = [origin, *found]
    return list(dict.fromkeys(name for name in found if re.fullmatch(r"[A-Za-z_][\w.>\-]*", name)))[:4]


def _visible(scene: Scene, name: str) -> bool:
    return scene.function is not None and name.split("->")[0].split(".")[0] in scene.tree.names(scene.function)


def _argument_subjects(scene: Scene) -> list[str]:
    call = call_at(scene, scene.insn_idx)
    if call is None or not 1 <= scene.regno <= 5 or scene.insn.code != 0x85:
        return []
    found = []
    given = arguments(call)
    if scene.regno <= len(given):
        node = stripped(scene.tree, given[scene.regno - 1])
        if node.type == "pointer_expression":
            node = node.child_by_field_name("argument") or node
        while node.type in ("field_expression", "subscript_expression"):
            inner = node.child_by_field_name("argument")
            if inner is None:
                break
            node = inner
        found.append(scene.tree.of(node))
    return found


def _test(scene: Scene, name: str) -> list[tuple[Node, bool]]:
    """Comparisons of a variable with NULL in the function at fault: (if statement, whether it is true of NULL)."""
    found = []
    function = scene.function
    for node in scene.tree.find(function, "if_statement") if function is not None else ():
        condition = node.child_by_field_name("condition")
        if condition is None:
            continue
        text = re.sub(r"\s+", "", scene.tree.of(stripped(scene.tree, condition)))
        if text in (f"!{name}", f"{name}==NULL", f"NULL=={name}", f"{name}==0"):
            found.append((node, True))
        elif text in (name, f"{name}!=NULL", f"NULL!={name}", f"{name}!=0"):
            found.append((node, False))
    return found


def unchecked_result(scene: Scene) -> Iterator[Candidate]:
    """What a function of the program returned, and may be NULL: clang joined its check with the caller's code."""
    tree, function = scene.tree, scene.function
    if function is None:
        return
    for name in pointers(scene):
        for node in tree.find(function, "init_declarator", "assignment_expression"):
            value = node.child_by_field_name("value") or node.child_by_field_name("right")
            value = stripped(tree, value) if value is not None else None
            if value is None or value.type != "call_expression" or assigned(tree, value) != name:
                continue
            callee = tree.functions.get(called(tree, value))
            if callee is None or not tree.returns(callee).endswith("*"):
                continue
            why = f"{called(tree, value)}() may return NULL, and {name} is used without a check of that."
            yield from _before_use(scene, name, why)


def _wrong_way(scene: Scene) -> Iterator[Candidate]:
    """`if (v) return` where `if (!v) return` was meant."""
    tree = scene.tree
    for name in _subjects(scene):
        for node, of_null in _test(scene, name):
            body, condition = node.child_by_field_name("consequence"), node.child_by_field_name("condition")
            if of_null or body is None or condition is None or not _leaves(body):
                continue
            yield Candidate(
                f"Leave where {name} is NULL, not where it is set",
                f"The comparison goes the wrong way round: what follows it is reached only with {name} == NULL.",
                (replaced(tree, condition, f"(!{name})"),),
            )


def _either(scene: Scene) -> Iterator[Candidate]:
    """`if (!a && !b) return`, where each of them has to leave by itself."""
    tree, function = scene.tree, scene.function
    names = _subjects(scene)
    for node in tree.find(function, "if_statement") if function is not None else ():
        body, condition = node.child_by_field_name("consequence"), node.child_by_field_name("condition")
        inner = stripped(tree, condition) if condition is not None else None
        if body is None or inner is None or not _leaves(body) or inner.type != "binary_expression":
            continue
        sides = [inner.child_by_field_name(side) for side in ("left", "right")]
        texts = [re.sub(r"\s+", "", tree.of(stripped(tree, side))) for side in sides if side is not None]
        operator = inner.child_by_field_name("operator")
        found = [re.fullmatch(r"!(\w+)|(\w+)==NULL", text) for text in texts]
        tested = [each[1] or each[2] for each in found if each is not None]
        if operator is not None and operator.type == "&&" and len(tested) == 2 and set(tested) & set(names):
            yield Candidate(
                f"Leave where {tested[0]} or {tested[1]} is NULL",
                "As it is, the program leaves only where both are NULL, and goes on where one of them is.",
                (replaced(tree, operator, "||"),),
            )


def _leaves(body: Node) -> bool:
    last = body.named_children[-1] if body.type == "compound_statement" and body.named_children else body
    return last.type in _LEAVES


def _falls_through(scene: Scene, name: str, why: str) -> Iterator[Candidate]:
    """The NULL branch goes on to the use."""
    tree = scene.tree
    for node, of_null in _test(scene, name):
        body = node.child_by_field_name("consequence")
        if not of_null or body is None or _leaves(body) or node.child_by_field_name("alternative") is not None:
            continue
        if body.type == "compound_statement" and not body.named_children:
            continue
        last = body.named_children[-1] if body.type == "compound_statement" else body
        for leave in exits(scene, last)[:2]:
            yield Candidate(f"Leave where {name} is NULL: {leave}", why, after(tree, last, [leave]))


def _in_condition(scene: Scene, name: str, why: str) -> Iterator[Candidate]:
    """The use stands in a condition: the check goes in front of it."""
    tree, statement = scene.tree, scene.statement
    if statement is None or statement.type not in ("if_statement", "while_statement") or scene.node is None:
        return
    condition = statement.child_by_field_name("condition")
    if condition is None or not condition.start_byte <= scene.node.start_byte < condition.end_byte:
        return
    inner = condition.named_children[0] if condition.type == "parenthesized_expression" else condition
    rest = _without(scene, inner, name)
    text = tree.of(inner) if rest is None else rest
    body = statement.child_by_field_name("consequence")
    joined = f"({text})" if "||" in text else text
    both = Candidate(f"Check {name} first", why, (replaced(tree, inner, f"{name} && {joined}"),))
    either = Candidate(f"Leave also where {name} is NULL", why, (replaced(tree, inner, f"!{name} || {text}"),))
    # After a body that leaves, the pointer is used further on: NULL has to leave as well.
    used_later = (
        name in {tree.of(n) for n in tree.find(statement.parent, "identifier") if n.start_byte >= statement.end_byte}
        if statement.parent is not None
        else False
    )
    yield from (either, both) if body is not None and _leaves(body) and used_later else (both, either)


def _without(scene: Scene, condition: Node, name: str) -> str | None:
    """The condition without a check of the name that comes too late (`*p && p`, `p->x || !p`)."""
    if condition.type != "binary_expression":
        return None
    left, right = condition.child_by_field_name("left"), condition.child_by_field_name("right")
    if left is None or right is None:
        return None
    text = re.sub(r"\s+", "", scene.tree.of(stripped(scene.tree, right)))
    return scene.tree.of(left) if text in (name, f"!{name}") else None


def first_use(scene: Scene, name: str, statement: Node | None) -> Node | None:
    """The first statement of a block, up to a given one, that follows the pointer after it was set."""
    tree = scene.tree
    if statement is None:
        return None
    found = statement
    use = re.compile(rf"(?<![\w.>]){re.escape(name)}\s*(?:->|\[)|\*\s*{re.escape(name)}\b")
    stores = re.compile(rf"(?<![\w.>]){re.escape(name)}\s*(?:=(?!=)|\+=|-=|\+\+|--)")
    for node in tree.siblings_before(statement):
        text = tree.of(node)
        if stores.search(text):
            break
        if use.search(text):
            found = node
    return found


def _before_use(scene: Scene, name: str, why: str) -> Iterator[Candidate]:
    tree, statement = scene.tree, scene.statement
    place = first_use(scene, name, statement)
    if statement is None or place is None:
        return
    for leave in exits(scene, place, skip=True)[:2]:
        yield Candidate(f"Check {name} before it is used", why, before(tree, place, guard(tree, f"!{name}", leave)))
    if statement.type == "expression_statement":
        yield Candidate(f"Use {name} only where it is set", why, wrapped(tree, statement, name))


def _after_assignment(scene: Scene, name: str, why: str) -> Iterator[Candidate]:
    """Right after the call that gave the pointer."""
    tree = scene.tree
    for cause in scene.causes("call", "acquired"):
        call = call_at(scene, cause.insn_idx)
        statement = tree.statement(call) if call is not None else None
        if call is None or statement is None or assigned(tree, call) != name:
            continue
        if statement.type not in ("declaration", "expression_statement"):
            continue
        what = called(tree, call)
        for leave in exits(scene, statement)[:2]:
            lines = guard(tree, f"!{name}", leave)
            yield Candidate(f"Check what {what}() returned", why, after(tree, statement, lines))
        return
