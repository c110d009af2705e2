"""Something taken and not given back, given back twice, or used afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.tree import LOOPS
from vm.program import Edit
from vm.repair.candidate import Candidate, after, before, braced, deleted, replaced
from vm.repair.cview import (
    arguments,
    assigned,
    call_at,
    called,
    calls_of,
    exits,
    fresh,
    stripped,
    type_of_in,
)
from vm.repair.scene import Scene
from vm.trace.records import Holding

if TYPE_CHECKING:
    from tree_sitter import Node

RELEASE: Final[dict[str, str]] = {
    "bpf_ringbuf_reserve": "bpf_ringbuf_discard({0}, 0)",
    "bpf_ringbuf_reserve_dynptr": "bpf_ringbuf_discard_dynptr({a3}, 0)",
    "bpf_sk_lookup_tcp": "bpf_sk_release({0})",
    "bpf_sk_lookup_udp": "bpf_sk_release({0})",
    "bpf_skc_lookup_tcp": "bpf_sk_release({0})",
    "bpf_map_lookup_elem": "bpf_sk_release({0})",
    "bpf_rbtree_remove": "bpf_obj_drop({c})",
    "bpf_list_pop_front": "bpf_obj_drop({c})",
    "bpf_list_pop_back": "bpf_obj_drop({c})",
    "bpf_spin_lock": "bpf_spin_unlock({a0})",
    "bpf_rcu_read_lock": "bpf_rcu_read_unlock()",
    "bpf_preempt_disable": "bpf_preempt_enable()",
    "bpf_task_from_pid": "bpf_task_release({0})",
    "bpf_task_from_vpid": "bpf_task_release({0})",
    "bpf_task_acquire": "bpf_task_release({0})",
    "bpf_cgroup_from_id": "bpf_cgroup_release({0})",
    "bpf_cgroup_acquire": "bpf_cgroup_release({0})",
    "bpf_cgroup_ancestor": "bpf_cgroup_release({0})",
    "bpf_task_get_cgroup1": "bpf_cgroup_release({0})",
    "bpf_cpumask_create": "bpf_cpumask_release({0})",
    "bpf_cpumask_acquire": "bpf_cpumask_release({0})",
    "bpf_obj_new_impl": "bpf_obj_drop({0})",
    "bpf_percpu_obj_new_impl": "bpf_percpu_obj_drop({0})",
    "bpf_get_task_exe_file": "bpf_put_file({0})",
    "bpf_skb_ct_lookup": "bpf_ct_release({0})",
    "bpf_xdp_ct_lookup": "bpf_ct_release({0})",
    "bpf_lookup_user_key": "bpf_key_put({0})",
    "bpf_lookup_system_key": "bpf_key_put({0})",
    "bpf_iter_num_new": "bpf_iter_num_destroy({a0})",
    "bpf_iter_task_new": "bpf_iter_task_destroy({a0})",
    "bpf_iter_css_new": "bpf_iter_css_destroy({a0})",
    "bpf_iter_bits_new": "bpf_iter_bits_destroy({a0})",
}
"""What gives back what a call gave: {0} is the variable of its result, {a0} … its arguments, {c} that of
the object around the node that is its result.

A lookup takes a reference in maps of sockets only.
"""

FINAL: Final = {
    "bpf_ringbuf_reserve": "bpf_ringbuf_submit({0}, 0)",
    "bpf_ringbuf_reserve_dynptr": "bpf_ringbuf_submit_dynptr({a3}, 0)",
}
"""The same, where the program got to its end."""

_KPTRS: Final = {
    "task_struct": "bpf_task_release", "cgroup": "bpf_cgroup_release", "bpf_cpumask": "bpf_cpumask_release",
}  # fmt: skip
_GIVES_BACK: Final = re.compile(r"_(?:release|submit|discard|unlock|destroy|put|drop|enable)(?:_|$)")
_CONDITIONAL_RETURN: Final = re.compile(r"\bif\s*\(\s*\(?(\w+)\)?\s*\)\s*\{?\s*return((?:\s+-?\w+)?)\s*;")
_MACROS: Final = {"bpf_obj_new_impl": "bpf_obj_new", "bpf_percpu_obj_new_impl": "bpf_percpu_obj_new"}


def give_back(scene: Scene) -> Iterator[Candidate]:
    """A release before the returns that the path reached without one."""
    for held in reversed(scene.held):
        call = call_at(scene, held.insn_idx, _MACROS.get(held.by, held.by)) or _by_name(scene, held.by)
        if call is not None:
            yield from _before_tail_call(scene, held, call)
            yield from _result_dropped(scene, call)
            yield from _released(scene, held, call)
            yield from _returned_by_macro(scene, held, call)


def _by_name(scene: Scene, name: str) -> Node | None:
    for node in scene.tree.find(scene.tree.root, "call_expression"):
        if called(scene.tree, node) == _MACROS.get(name, name):
            return node
    return None


def _fill(scene: Scene, template: str, call: Node) -> str:
    """A release with its variable; "" if the source has none."""
    tree = scene.tree
    if called(tree, call) == "bpf_kptr_xchg":
        template = _kptr_release(scene, call)
    if not template:
        return ""
    values = {f"a{n}": tree.of(node) for n, node in enumerate(arguments(call))}
    name = assigned(tree, call)
    if "{0}" in template and not name:
        return ""
    values |= {"0": name}
    if "{c}" in template and (around := _container(scene, call, name)):
        values["c"] = around
    for key, value in values.items():
        template = template.replace("{" + key + "}", value)
    if "bpf_obj_drop(" in template and not re.search(r"\bbpf_obj_drop\b|bpf_experimental\.h", tree.source):
        template = re.sub(r"bpf_obj_drop\((\w+)\)", r"bpf_obj_drop_impl(\1, NULL)", template)
    return "" if "{" in template else template


def _container(scene: Scene, call: Node, node: str) -> str:
    """The variable of the object that a node of a list or tree lies in: of container_of() of it."""
    tree, function = scene.tree, scene.tree.function(call)
    for each in tree.find(function, "call_expression") if function is not None and node else ():
        given = arguments(each)
        if called(tree, each) == "container_of" and given and tree.of(given[0]) == node:
            return assigned(tree, each)
    return ""


def _kptr_release(scene: Scene, call: Node) -> str:
    """What gives back the pointer that a kptr field had."""
    function, name = scene.tree.function(call), assigned(scene.tree, call)
    kind = type_of_in(scene.tree, function, name) if function is not None and name else ""
    verb = next((verb for struct, verb in _KPTRS.items() if re.search(rf"\b{struct}\b", kind)), "bpf_obj_drop")
    return f"if ({{0}}) {verb}({{0}})" if name else ""


def _released(scene: Scene, held: Holding, call: Node) -> Iterator[Candidate]:
    tree = scene.tree
    function = tree.function(call)
    early = _fill(scene, RELEASE.get(held.by, ""), call)
    if function is None or not early:
        return
    verb = early.removeprefix(f"if ({assigned(tree, call)}) ").split("(")[0]
    verbs = {verb, FINAL.get(held.by, "").split("(")[0]}
    final = _fill(scene, FINAL.get(held.by, RELEASE.get(held.by, "")), call)
    name = assigned(tree, call)
    leaving = ("return_statement", "goto_statement", "continue_statement", "break_statement")
    returns = [n for n in tree.find(function, *leaving) if n.start_byte > call.end_byte and _leaves(scene, n, call)]
    open_ = [n for n in returns if not _preceded(scene, n, verbs)]
    not_null = [n for n in open_ if not _in_null_branch(scene, n, name)]
    used = any(called(tree, n) == final.split("(")[0] for n in tree.find(function, "call_expression"))
    on_path = _on_path(scene, not_null)
    on_path.sort(key=lambda n: n.type == "return_statement" and any(r.type == "goto_statement" for r in on_path))
    why = f"{held.by}() gives something that has to be given back on every path; on this one it is not."
    tried: set[tuple[int, ...]] = set()
    sets = [[n] for n in on_path] + [[n] for n in not_null] + [not_null, open_] + [[n] for n in open_]
    extra = _declared(scene, verb)
    for nodes in sets:
        key = tuple(n.start_byte for n in nodes)
        if not nodes or key in tried:
            continue
        tried.add(key)
        edits: list[Edit] = list(extra)
        last = next((n for n in reversed(returns) if n.type in ("return_statement", "goto_statement")), None)
        text = early
        for node in nodes:
            text = final if last is not None and node.id == last.id and not used else early
            edits += _before_return(scene, node, text, name)
        if len(nodes) == 1:
            word = nodes[0].type.removesuffix("_statement")
            where = f"before the {word} in line {tree.line(nodes[0].start_byte)}"
            shown = text[text.rindex(verb) :] if verb in text else text
            yield Candidate(f"Call {shown}; {where}", why, tuple(edits))
        else:
            yield Candidate(f"Call {verb}() before every return that lacks it", why, tuple(edits))
    yield from _else_branch(scene, function, verbs, early, why)
    body = function.child_by_field_name("body")
    if not returns and body is not None and body.named_children:
        yield Candidate(f"Call {final}; at the end", why, after(tree, body.named_children[-1], [f"{final};"]))


def _result_dropped(scene: Scene, call: Node) -> Iterator[Candidate]:
    """bpf_kptr_xchg() whose result, the pointer that the field had, is not looked at."""
    tree, statement, given = scene.tree, scene.tree.statement(call), arguments(call)
    function = tree.function(call)
    if called(tree, call) != "bpf_kptr_xchg" or statement is None or function is None or len(given) != 2:
        return
    if statement.type != "expression_statement" or assigned(tree, call) or tree.bare(statement):
        return
    kind = type_of_in(tree, function, tree.of(given[1]))
    verb = next((verb for struct, verb in _KPTRS.items() if re.search(rf"\b{struct}\b", kind)), "")
    if not verb:
        return
    name = fresh(scene, "old")
    yield Candidate(
        f"Give back what the field had before: {verb}()",
        "bpf_kptr_xchg() returns the pointer that the field had, and the program has to give it back then.",
        (
            *_declared(scene, verb),
            tree.edit(call.start_byte, call.start_byte, f"{kind}{name} = "),
            *after(tree, statement, [f"if ({name})", f"{tree.step}{verb}({name});"]),
        ),
    )


def _before_tail_call(scene: Scene, held: Holding, call: Node) -> Iterator[Candidate]:
    """A release before a tail call, which does not come back; and a return behind it, for where it fails."""
    tree, jump = scene.tree, call_at(scene, scene.insn_idx, "bpf_tail_call")
    release = _fill(scene, RELEASE.get(held.by, ""), call)
    statement = tree.statement(jump) if jump is not None else None
    if jump is None or called(tree, jump) != "bpf_tail_call" or not release or statement is None:
        return
    for leave in exits(scene, statement)[:2]:
        lines = [f"{release};", tree.of(statement), leave]
        if tree.bare(statement):
            edits = braced(tree, statement, lines[:1], lines[2:])
        else:
            edits = (tree.edit(statement.start_byte, statement.end_byte, f"\n{tree.indent(statement)}".join(lines)),)
        yield Candidate(
            f"Call {release}; before the tail call, and leave after it",
            "A tail call does not come back, so that nothing behind it gives back what is held. It comes back only "
            "where it fails, and the program must not give it back a second time then.",
            edits,
        )


def _returned_by_macro(scene: Scene, held: Holding, call: Node) -> Iterator[Candidate]:
    """A release before the return of a macro that returns under a condition: the macro's text takes its place."""
    tree, release = scene.tree, _fill(scene, RELEASE.get(held.by, ""), call)
    function = tree.function(call)
    if function is None or not release:
        return
    for node in tree.find(function, "call_expression"):
        given, statement = arguments(node), tree.statement(node)
        found = re.search(
            rf"^[ \t]*#[ \t]*define[ \t]+{re.escape(called(tree, node))}\((\w+)\)((?:[^\n]*\\\n){{0,8}}[^\n]*)",
            tree.source, re.MULTILINE,
        )  # fmt: skip
        body = _CONDITIONAL_RETURN.search(found[2]) if found is not None else None
        if found is None or body is None or body[1] != found[1] or len(given) != 1 or statement is None:
            continue
        if node.start_byte < call.end_byte or tree.bare(statement) or statement.type != "expression_statement":
            continue
        indent = tree.indent(statement)
        lines = [f"if ({tree.of(given[0])}) {{", f"{tree.step}{release};", f"{tree.step}return{body[2]};", "}"]
        yield Candidate(
            f"Call {release}; where {tree.of(node)} returns",
            f"{called(tree, node)}() returns without giving back what {held.by}() gave.",
            (tree.edit(statement.start_byte, statement.end_byte, f"\n{indent}".join(lines)),),
        )


def read_section(scene: Scene) -> Iterator[Candidate]:
    """The statement at fault in a section that reads what RCU protects."""
    tree, statement = scene.tree, scene.statement
    if statement is None or tree.bare(statement) or statement.type not in ("declaration", "expression_statement"):
        return
    declared = [edit for verb in ("bpf_rcu_read_lock", "bpf_rcu_read_unlock") for edit in _declared(scene, verb)]
    yield Candidate(
        "Read it between bpf_rcu_read_lock() and bpf_rcu_read_unlock()",
        "What the pointer points to may be freed at any time, unless an RCU read section keeps it.",
        (
            *_joined(scene, declared),
            *before(tree, statement, ["bpf_rcu_read_lock();"]),
            *after(tree, statement, ["bpf_rcu_read_unlock();"]),
        ),
    )


def _joined(scene: Scene, edits: list[Edit]) -> list[Edit]:
    """Insertions at the same place as one."""
    if len(edits) < 2:
        return edits
    at = max((include.end for include in scene.tree.text.includes), default=0)
    lines = "".join(f"\nextern void {verb}(void) __ksym;" for verb in ("bpf_rcu_read_lock", "bpf_rcu_read_unlock"))
    return [scene.tree.edit(at, at, f"\n{lines}")]


def _leaves(scene: Scene, node: Node, call: Node) -> bool:
    """Whether a statement leaves what a call is in: a continue or break those loops that contain it."""
    if node.type not in ("continue_statement", "break_statement"):
        return True
    out_of = (*LOOPS, "switch_statement") if node.type == "break_statement" else LOOPS
    loop = scene.tree.up(node, *out_of)
    return loop is not None and loop.type in LOOPS and loop.start_byte <= call.start_byte < loop.end_byte


def _on_path(scene: Scene, returns: list[Node]) -> list[Node]:
    """Those returns whose place the path visited, the last first."""
    tree, lines = scene.tree, [scene.tree.line(n.start_byte) for n in scene.path_nodes]
    found = [n for line in lines for n in returns if tree.line(n.start_byte) <= line <= tree.line(n.end_byte)]
    # clang joins returns: the statement before a return, or the condition that it is under, also identifies it.
    for line in lines:
        for node in returns:
            head = tree.up(node, "if_statement")
            place = head if head is not None else node.prev_named_sibling
            if place is not None and tree.line(place.start_byte) == line:
                found.append(node)
    return list({n.start_byte: n for n in found}.values())


def _preceded(scene: Scene, node: Node, verbs: set[str]) -> bool:
    """Whether the block of a return gives it back already."""
    tree = scene.tree
    return any(
        sibling.type == "expression_statement"
        and any(called(tree, c) in verbs for c in tree.find(sibling, "call_expression"))
        for sibling in tree.siblings_before(node)
    )


def _in_null_branch(scene: Scene, node: Node, name: str) -> bool:
    tree = scene.tree
    head = tree.up(node, "if_statement")
    condition = head.child_by_field_name("condition") if head is not None else None
    if condition is None or not name:
        return False
    text = re.sub(r"\s+", "", tree.of(stripped(tree, condition)))
    return text in (f"!{name}", f"{name}==NULL", f"NULL=={name}")


def _before_return(scene: Scene, node: Node, release: str, name: str) -> tuple[Edit, ...]:
    """The release before a return, whose value is computed first if it needs what is released."""
    tree = scene.tree
    value = node.named_children[0] if node.named_children and node.type == "return_statement" else None
    needs = value is not None and (
        (name and name.split("->")[0] in tree.names(value)) or any(tree.find(value, "call_expression"))
    )
    if not needs or value is None or tree.bare(node):
        return before(tree, node, [f"{release};"])
    result = fresh(scene, "result")
    function = tree.function(node)
    kind = tree.returns(function) if function is not None else "int"
    return (*before(tree, node, [f"{kind} {result} = {tree.of(value)};", f"{release};"]), replaced(tree, value, result))


def _else_branch(scene: Scene, function: Node, verbs: set[str], release: str, why: str) -> Iterator[Candidate]:
    """Given back in one branch of an if only."""
    tree = scene.tree
    for node in tree.find(function, "if_statement"):
        body, other = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        if (
            body is None
            or other is not None
            or not any(called(tree, c) in verbs for c in tree.find(body, "call_expression"))
        ):
            continue
        indent = tree.indent(node)
        text = f"\n{indent}else\n{indent}{tree.step}{release};" if body.type != "compound_statement" else (
            f" else {{\n{indent}{tree.step}{release};\n{indent}}}"
        )  # fmt: skip
        at = body.end_byte
        yield Candidate(f"Call {release}; in the other branch as well", why, (tree.edit(at, at, text),))


def _declared(scene: Scene, verb: str) -> list[Edit]:
    """The declaration of a kfunc that the source does not have yet."""
    tree = scene.tree
    kinds = {"bpf_task_release": "struct task_struct *p", "bpf_cgroup_release": "struct cgroup *cgrp",
             "bpf_rcu_read_lock": "void", "bpf_rcu_read_unlock": "void", "bpf_preempt_enable": "void",
             "bpf_cpumask_release": "struct bpf_cpumask *cpumask"}  # fmt: skip
    if verb not in kinds or re.search(rf"\b{verb}\b", tree.text.code):
        return []
    at = max((include.end for include in tree.text.includes), default=0)
    return [tree.edit(at, at, f"\n\nextern void {verb}({kinds[verb]}) __ksym;")]


def released_twice(scene: Scene) -> Iterator[Candidate]:
    """A second release, or one of what was never taken: left out; or given to the variable that holds it."""
    tree, call, statement = scene.tree, call_at(scene, scene.insn_idx), scene.statement
    if call is None or statement is None:
        return
    name = called(tree, call)
    if not _GIVES_BACK.search(name):
        return
    given = arguments(call)
    for held in reversed(scene.held):
        taken = call_at(scene, held.insn_idx, held.by)
        variable = assigned(tree, taken) if taken is not None else ""
        if variable and given and tree.of(given[0]) != variable:
            yield Candidate(
                f"Give back {variable}",
                f"{held.by}() gave {variable}; {tree.of(given[0])} is not what has to be given back.",
                (replaced(tree, given[0], variable),),
            )
    if statement.type == "expression_statement":
        yield Candidate(
            _leave_out(scene, name), "There is nothing to give back at this place.",
            (deleted(tree, statement),),
        )  # fmt: skip


def _leave_out(scene: Scene, name: str) -> str:
    calls = [n for n in scene.tree.find(scene.tree.root, "call_expression") if called(scene.tree, n) == name]
    return f"Leave out the second {name}()" if len(calls) > 1 else f"Leave out {name}()"


def used_after_release(scene: Scene) -> Iterator[Candidate]:
    """The release moved behind the last use."""
    tree, statement = scene.tree, scene.statement
    cause = next(scene.causes("clobbered"), None)
    call = call_at(scene, cause.insn_idx) if cause is not None else None
    release = tree.statement(call) if call is not None else None
    if call is None or release is None or statement is None or release.type != "expression_statement":
        return
    if not _GIVES_BACK.search(called(tree, call)) or release.parent is None:
        return
    text, why = tree.of(release), f"After {called(tree, call)}() the memory belongs to the program no more."
    name = tree.of(arguments(call)[0]) if arguments(call) else ""
    target = statement
    while target.parent is not None and target.parent.id != release.parent.id:
        up = tree.statement(target.parent)
        if up is None:
            return
        target = up
    if target.type == "return_statement":
        edits = _before_return(scene, target, text.rstrip(";"), name)
        yield Candidate(f"Call {called(tree, call)}() after the last use", why, (deleted(tree, release), *edits))
        return
    yield Candidate(
        f"Call {called(tree, call)}() after the last use", why, (deleted(tree, release), *after(tree, target, [text]))
    )


def _changed_between(scene: Scene, node: Node, start: int, end: int) -> bool:
    """Whether a variable that a part of the source uses gets another value in a range of the text."""
    tree, names = scene.tree, scene.tree.names(node)
    function = scene.function
    changes = tree.find(function, "assignment_expression", "update_expression") if function is not None else ()
    for each in changes:
        target = each.child_by_field_name("left") or each.child_by_field_name("argument")
        inside = start <= each.start_byte < end
        if target is not None and inside and target.type == "identifier" and tree.of(target) in names:
            return True
    return False


def outside_the_lock(scene: Scene) -> Iterator[Candidate]:
    """A call that is not allowed while a lock is held: before it, or after it."""
    tree, statement, call = scene.tree, scene.statement, call_at(scene, scene.insn_idx)
    if statement is None or call is None or statement.parent is None:
        return
    why = "While a bpf_spin_lock is held only a few calls are allowed."
    lock = unlock = None
    for node in tree.find(statement.parent, "expression_statement"):
        for each in tree.find(node, "call_expression"):
            if called(tree, each) == "bpf_spin_lock" and node.start_byte < statement.start_byte:
                lock = node
            if called(tree, each) == "bpf_spin_unlock" and node.start_byte > statement.start_byte and unlock is None:
                unlock = node
    name = called(tree, call)
    if name == "bpf_spin_lock":
        given = [tree.of(each) for each in arguments(call)]
        locks = tree.find(lock, "call_expression") if lock is not None else ()
        same = any([tree.of(a) for a in arguments(each)] == given for each in locks)
        why = "The lock is held already." if same else "A program may hold one lock at a time."
        yield Candidate(f"Leave out the second bpf_spin_lock({', '.join(given)})", why, (deleted(tree, statement),))
        return
    if statement.type == "expression_statement" and statement.named_children[0].id == call.id:
        if unlock is not None and not _changed_between(scene, statement, statement.end_byte, unlock.start_byte):
            edits = (deleted(tree, statement), *after(tree, unlock, [tree.of(statement)]))
            yield Candidate(f"Call {name}() after bpf_spin_unlock()", why, edits)
        if lock is not None and not _changed_between(scene, statement, lock.end_byte, statement.start_byte):
            edits = (*before(tree, lock, [tree.of(statement)]), deleted(tree, statement))
            yield Candidate(f"Call {name}() before bpf_spin_lock()", why, edits)
    elif lock is None:
        yield from _from_the_caller(scene, statement, call)
    elif not _changed_between(scene, call, lock.end_byte, statement.start_byte):
        copy = fresh(scene, "value")
        edits = (
            *before(tree, lock, [f"__typeof__({tree.of(call)}) {copy} = {tree.of(call)};"]), replaced(tree, call, copy)
        )  # fmt: skip
        yield Candidate(f"Call {name}() before bpf_spin_lock()", why, edits)


def _from_the_caller(scene: Scene, statement: Node, call: Node) -> Iterator[Candidate]:
    """A local variable with the call's result as a parameter: the callers, who hold the lock, compute it."""
    tree, function = scene.tree, scene.function
    if statement.type != "declaration" or function is None or scene.is_program(function):
        return
    name = assigned(tree, call)
    declared = next((n for n in tree.find(statement, "init_declarator")), None)
    value = declared.child_by_field_name("value") if declared is not None else None
    variable = tree.declared(declared.child_by_field_name("declarator")) if declared is not None else None
    if value is None or variable is None or not name or stripped(tree, value).id != call.id:
        return
    kind = tree.type_of(statement, variable)
    parameters = next(tree.find(function, "parameter_list"), None)
    local = tree.names(call) & ({*tree.parameters(function)} | {name})
    calls = list(calls_of(tree, tree.function_name(function)))
    if parameters is None or local or not calls or len(statement.children_by_field_name("declarator")) != 1:
        return
    space = "" if kind.endswith("*") else " "
    end = parameters.end_byte - 1
    edits = [deleted(tree, statement), tree.edit(end, end, f", {kind}{space}{name}")]
    for each in calls:
        given = each.child_by_field_name("arguments")
        if given is not None:
            edits.append(tree.edit(given.end_byte - 1, given.end_byte - 1, f", {tree.of(value)}"))
    yield Candidate(
        f"Compute {name} in the callers of {tree.function_name(function)}()",
        "While a bpf_spin_lock is held only a few calls are allowed; the function gets the result as an argument.",
        tuple(edits),
    )


def under_its_lock(scene: Scene) -> Iterator[Candidate]:
    """The lock of a list or tree taken around the call that changes it."""
    tree, statement, call = scene.tree, scene.statement, call_at(scene, scene.insn_idx)
    given = arguments(call) if call is not None else []
    locks = re.findall(r"\bstruct\s+bpf_spin_lock\s+(\w+)", tree.text.code)
    if statement is None or not given or not locks:
        return
    owner = re.match(r"&?\s*(\w+(?:->|\.))", tree.of(given[0]))
    for lock in dict.fromkeys(locks):
        name = f"&{owner[1]}{lock}" if owner is not None else f"&{lock}"
        if f"bpf_spin_lock({name})" in tree.of(statement):
            continue
        first, last = f"bpf_spin_lock({name});", f"bpf_spin_unlock({name});"
        edits = _around(scene, statement, first, last)
        if edits:
            yield Candidate(
                f"Take the lock around the call: {first}",
                "A list or tree is changed only while the lock that lies beside it is held.",
                edits,
            )


def _around(scene: Scene, statement: Node, first: str, last: str) -> tuple[Edit, ...]:
    """A statement between two others; the declaration of a variable keeps its place in front of both."""
    tree = scene.tree
    if tree.bare(statement):
        text = f"{{ {first} {tree.of(statement)} {last} }}"
        return (replaced(tree, statement, text),)
    if statement.type not in ("expression_statement", "declaration"):
        return ()
    return (*before(tree, statement, [first]), *after(tree, statement, [last]))


def lock_missing(scene: Scene) -> Iterator[Candidate]:
    """An unlock without a lock: the lock is taken before the statements that lead to it, or the unlock is left out."""
    tree = scene.tree
    if scene.function is None:
        return
    unlocks = (n for n in tree.find(scene.function, "call_expression") if called(tree, n) == "bpf_spin_unlock")
    call = next(unlocks, None)
    if call is None:
        return
    given = arguments(call)
    name = re.match(r"&?(\w+)", tree.of(given[0])) if given else None
    if name is None:
        return
    body = scene.function.child_by_field_name("body")
    for node in body.named_children if body is not None else ():
        text = re.sub(r"\s+", "", tree.of(node))
        if node.type == "if_statement" and text.startswith((f"if(!{name[1]})", f"if({name[1]}==NULL)")):
            yield Candidate(
                "Take the lock first", "bpf_spin_unlock() gives back a lock that was not taken.",
                after(tree, node, [f"bpf_spin_lock({tree.of(given[0])});"]),
            )  # fmt: skip
            return
