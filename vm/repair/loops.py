"""Loops that the verifier cannot follow to their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.big_locals import constant
from vm.csource.tree import LOOPS
from vm.repair.candidate import Candidate, after, before, replaced
from vm.repair.cview import arguments, called, declaration, fresh
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

    from vm.csource.tree import CTree

_MAX_HEAD: Final = 200  # characters of what a loop begins with
_ROUNDS: Final = (256, 32)
_MOST_MEMBERS: Final = 3
_FOR: Final = re.compile(r"^(?:(?P<type>[\w\s]+?)\s+)?(?P<name>\w+)\s*=\s*(?P<first>[^,;]+?);?$")
_WHY: Final = (
    "The verifier walks every round of a loop, until it finds one that it has seen before or a limit is reached."
)


def fewer_rounds(scene: Scene) -> Iterator[Candidate]:
    """A loop with a bound, or as one that the verifier walks once: bpf_for()."""
    tree = scene.tree
    yield from _nest_as_bpf_for(scene)
    yield from _unknown_start(scene)
    for loop in _loops(scene):
        yield from as_bpf_for(scene.tree, loop)
        for rounds in _ROUNDS:
            yield from bounded_loop(scene, loop, rounds, _WHY)
        yield from _smaller(scene, loop)
        yield from _as_repeat(scene, loop)
    if not tree.functions:
        return


def _loops(scene: Scene) -> list[Node]:
    """The loops at fault, inner ones first: around the refused place, and those that were walked most."""
    tree = scene.tree
    found: dict[int, Node] = {}
    places = [scene.node, *(scene.node_of(cause.insn_idx) for cause in scene.causes("loop", "checkpoint"))]
    places += list(scene.path_nodes[:4])
    for place in places:
        loop = tree.up(place, *LOOPS)
        while loop is not None:
            found.setdefault(loop.start_byte, loop)
            loop = tree.up(loop.parent, *LOOPS)
    return list(found.values())[:3]


def is_plain(tree: CTree, loop: Node) -> bool:
    """Whether the text is a loop of C and not a macro that the tree takes for one."""
    return tree.source.startswith(("for", "while", "do"), loop.start_byte)


def as_bpf_for(tree: CTree, loop: Node) -> Iterator[Candidate]:
    """for (i = A; i < B; i++) as bpf_for(i, A, B)."""
    if loop.type != "for_statement" or not is_plain(tree, loop):
        return
    initial, condition, update, body = (
        loop.child_by_field_name(f) for f in ("initializer", "condition", "update", "body")
    )
    if initial is None or condition is None or update is None or body is None:
        return
    if initial.end_byte - initial.start_byte > _MAX_HEAD:
        return
    start = _FOR.match(" ".join(tree.of(initial).split()))
    if start is None or not re.fullmatch(
        rf"{start['name']}\+\+|\+\+{start['name']}|{start['name']} \+= 1", tree.of(update)
    ):
        return
    name = start["name"]
    parts = tree.of(condition).split("&&")
    first = re.fullmatch(rf"{name}\s*(<=?)\s*(.+)", parts[0].strip())
    if first is None or "||" in tree.of(condition):
        return
    last = first[2] if first[1] == "<" else f"({first[2]}) + 1"
    close = next((c for c in reversed(loop.children) if c.type == ")" and c.end_byte <= body.start_byte), None)
    if close is None:
        return
    rest = [part.strip() for part in parts[1:]]
    edits = [tree.edit(loop.start_byte, close.end_byte, f"bpf_for({name}, {start['first']}, {last})")]
    if start["type"]:
        bare, indent = tree.bare(loop), tree.indent(loop)
        head = f"int {name};\n{indent}bpf_for({name}, {start['first']}, {last})"
        edits = [tree.edit(loop.start_byte, close.end_byte, f"{{\n{indent}{head}" if bare else head)]
        if bare:
            edits.append(tree.edit(loop.end_byte, loop.end_byte, f"\n{indent}}}"))
    if rest:
        if body.type != "compound_statement":
            return
        at = body.start_byte + 1
        inner = tree.indent(loop) + tree.step
        edits.append(tree.edit(at, at, f"\n{inner}if (!({' && '.join(rest)}))\n{inner}{tree.step}break;"))
    yield Candidate(
        "Count with bpf_for()",
        "The verifier walks the body of bpf_for() only until its states repeat, however many rounds it has.",
        tuple(edits),
    )


def _nest_as_bpf_for(scene: Scene) -> Iterator[Candidate]:
    """All loops of a nest at once: an outer one that is walked round by round multiplies what an inner one costs."""
    tree, loops = scene.tree, _loops(scene)
    changes = [change for loop in loops for change in as_bpf_for(scene.tree, loop)]
    if len(loops) > 1 and len(changes) == len(loops):
        edits = [edit for change in changes for edit in change.edits]
        why = "The verifier walks the body of bpf_for() only until its states repeat, however many rounds it has."
        counted = _counted(scene, loops)
        if counted:
            at, name = max((include.end for include in tree.text.includes), default=0), fresh(scene, "first")
            starts = [replaced(tree, each, name) for each in counted]
            yield Candidate(
                "Count with bpf_for() in all nested loops, from numbers that the verifier does not know",
                f"{why} A number that is counted up keeps them from repeating as long as its value is known. A global "
                "variable is 0 as well, but the verifier takes it for any number.",
                (tree.edit(at, at, f"\n\nstatic volatile unsigned int {name};"), *edits, *starts),
            )
        yield Candidate("Count with bpf_for() in all nested loops", why, tuple(edits))


def _counted(scene: Scene, loops: list[Node]) -> list[Node]:
    """Where a variable that is counted up in the loops gets the 0 it starts with, in front of them."""
    tree, function = scene.tree, scene.function
    first = min(loop.start_byte for loop in loops)
    names: set[str] = set()
    for loop in loops:
        body = loop.child_by_field_name("body")
        for node in tree.find(body, "update_expression", "assignment_expression") if body is not None else ():
            found = re.match(r"(?:\+\+)?(\w+)\s*(?:\+\+|\+=|$)", tree.of(node))
            names |= {found[1]} if found is not None else set()
    starts: list[Node] = []
    for node in tree.find(function, "init_declarator") if function is not None else ():
        value, name = node.child_by_field_name("value"), tree.declared(node.child_by_field_name("declarator"))
        zero = value is not None and name is not None and tree.of(value) == "0"
        if zero and value is not None and name is not None and value.end_byte < first and tree.of(name) in names:
            starts.append(value)
    return starts


def _unknown_start(scene: Scene) -> Iterator[Candidate]:
    """A member of a callback's context that counts up: its first value read from a variable, so that it is unknown."""
    tree = scene.tree
    for call in tree.find(tree.root, "call_expression"):
        given = arguments(call)
        callback = tree.functions.get(tree.of(given[1]).lstrip("&")) if len(given) == 4 else None
        context = tree.of(given[2]) if callback is not None else ""
        function = tree.function(call)
        if called(tree, call) != "bpf_loop" or callback is None or function is None or not context.startswith("&"):
            continue
        own = list(tree.parameters(callback))[1:2]
        found = declaration(tree, function, context[1:])
        if not own or found is None or found[0].type != "declaration" or tree.function(found[0]) is None:
            continue
        changes = (tree.of(node) for node in tree.find(callback, "update_expression", "assignment_expression"))
        counted = (re.match(rf"(?:\+\+)?{own[0]}->(\w+)\s*(?:\+\+|\+=|$)", text) for text in changes)
        members = dict.fromkeys(each[1] for each in counted if each is not None)
        at = max((include.end for include in tree.text.includes), default=0)
        for member in list(members)[:_MOST_MEMBERS]:
            name = fresh(scene, f"first_{member}")
            line = f"{context[1:]}.{member} = {name};"
            yield Candidate(
                f"Start {member} with a number that the verifier does not know",
                f"The callback changes {member} in each round, so that no round is like the one before as long as its "
                f"value is known. A global variable is 0 as well, but the verifier takes it for any number.",
                (tree.edit(at, at, f"\n\nstatic volatile unsigned int {name};"), *after(tree, found[0], [line])),
            )


def _as_repeat(scene: Scene, loop: Node) -> Iterator[Candidate]:
    """while (c) as bpf_repeat() with the condition inside."""
    tree = scene.tree
    condition, body = loop.child_by_field_name("condition"), loop.child_by_field_name("body")
    if loop.type != "while_statement" or not is_plain(tree, loop) or condition is None or body is None:
        return
    inner = tree.indent(loop) + tree.step
    text = tree.of(condition)
    head = tree.edit(loop.start_byte, condition.end_byte, "bpf_repeat(1 << 20)")
    if body.type != "compound_statement":
        return
    at = body.start_byte + 1
    yield Candidate(
        "Repeat with bpf_repeat()",
        "The verifier walks the body of bpf_repeat() only until its states repeat, however many rounds it has.",
        (head, tree.edit(at, at, f"\n{inner}if (!{text})\n{inner}{tree.step}break;")),
    )


def _smaller(scene: Scene, loop: Node) -> Iterator[Candidate]:
    """A bound that is a large constant, made smaller."""
    tree = scene.tree
    condition = loop.child_by_field_name("condition")
    for node in tree.find(condition, "number_literal", "identifier") if condition is not None else ():
        value = constant(tree, tree.of(node))
        if value is not None and value > 512:
            yield Candidate("Walk at most 512 rounds", _WHY, (replaced(tree, node, "512"),))


def bounded_loop(scene: Scene, loop: Node, rounds: int, why: str) -> Iterator[Candidate]:
    """A bound on the rounds of a while or for loop beside its own condition."""
    tree = scene.tree
    name = fresh(scene, "i")
    condition = loop.child_by_field_name("condition")
    body = loop.child_by_field_name("body")
    if body is None:
        return
    title = f"End the loop after {rounds:,} rounds at the latest"
    if loop.type == "while_statement" and condition is not None:
        inner = condition.named_children[0] if condition.named_children else condition
        text = tree.of(inner)
        text = "" if text in ("1", "true") else f" && ({text})" if "||" in text else f" && {text}"
        head = tree.edit(
            loop.start_byte, condition.end_byte, f"for (int {name} = 0; {name} < {rounds}{text}; {name}++)"
        )
        yield Candidate(title, why, (head,))
    elif loop.type == "for_statement":
        start = tree.source.index("(", loop.start_byte)
        if condition is None:
            initial = loop.child_by_field_name("initializer")
            semicolons = [c for c in loop.children if c.type == ";"]
            update = loop.child_by_field_name("update")
            if initial is None and update is None and len(semicolons) == 2:
                close = next(c for c in loop.children if c.type == ")")
                yield Candidate(
                    title, why,
                    (tree.edit(start, close.end_byte, f"(int {name} = 0; {name} < {rounds}; {name}++)"),),
                )  # fmt: skip
            elif semicolons or (initial is not None and initial.type == "declaration"):
                counter = _counter(scene, loop)
                at = semicolons[-1].start_byte if semicolons else initial.end_byte if initial is not None else 0
                if counter and at:
                    yield Candidate(title, why, (tree.edit(at, at, f" {counter} < {rounds}"),))
        else:
            text = tree.of(condition)
            joined = f"({text})" if "||" in text else text
            counter = _counter(scene, loop)
            if counter:
                yield Candidate(
                    title, why, (replaced(tree, condition, f"{counter} < {rounds} && {joined}"),)
                )  # fmt: skip
            statement = tree.statement(loop)
            if statement is not None:
                yield Candidate(
                    title, why,
                    (*before(tree, statement, [f"int {name} = 0;"]),
                     replaced(tree, condition, f"{name}++ < {rounds} && {joined}")),
                )  # fmt: skip


def _counter(scene: Scene, loop: Node) -> str:
    """The variable that a for loop counts up by a constant."""
    update = loop.child_by_field_name("update")
    if update is None:
        return ""
    found = re.fullmatch(r"(\w+)\+\+|\+\+(\w+)|(\w+)\s*\+=\s*\d+", scene.tree.of(update).strip())
    return next((g for g in found.groups() if g), "") if found else ""
