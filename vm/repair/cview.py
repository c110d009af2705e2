"""What the C text around a place says: pointers that are followed, types, how the function leaves, the packet's end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.tree import LOOPS, CTree
from vm.kernel import types as k
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

_ACCESSES: Final = ("field_expression", "subscript_expression", "pointer_expression")
_SIMPLE: Final = re.compile(r"-?\w+")

# What a program returns that decides nothing: by program type, as a name where headers have one, and as a number.
NEUTRAL: Final[dict[int, tuple[str, str]]] = {
    k.BPF_PROG_TYPE_XDP: ("XDP_PASS", "2"),
    k.BPF_PROG_TYPE_SCHED_CLS: ("TC_ACT_OK", "0"),
    k.BPF_PROG_TYPE_SCHED_ACT: ("TC_ACT_OK", "0"),
    k.BPF_PROG_TYPE_CGROUP_SKB: ("1", "1"),
    k.BPF_PROG_TYPE_CGROUP_SOCK: ("1", "1"),
    k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: ("1", "1"),
    k.BPF_PROG_TYPE_CGROUP_DEVICE: ("1", "1"),
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: ("1", "1"),
    k.BPF_PROG_TYPE_CGROUP_SOCKOPT: ("1", "1"),
    k.BPF_PROG_TYPE_SOCK_OPS: ("1", "1"),
    k.BPF_PROG_TYPE_SK_SKB: ("SK_PASS", "1"),
    k.BPF_PROG_TYPE_SK_MSG: ("SK_PASS", "1"),
    k.BPF_PROG_TYPE_SK_LOOKUP: ("SK_PASS", "1"),
    k.BPF_PROG_TYPE_SK_REUSEPORT: ("SK_PASS", "1"),
    k.BPF_PROG_TYPE_NETFILTER: ("1", "1"),
}


def stripped(tree: CTree, node: Node) -> Node:
    """A node without parentheses and casts around it."""
    while True:
        if node.type == "parenthesized_expression" and node.named_children:
            node = node.named_children[0]
        elif node.type == "cast_expression" and (value := node.child_by_field_name("value")) is not None:
            node = value
        else:
            return node


def followed(tree: CTree, access: Node) -> Node | None:
    """The pointer that an access follows: `p` of p->f, p[i] and *p; None where it follows none (a.b, &a)."""
    if access.type == "pointer_expression":
        inner = access.child_by_field_name("argument")
        return inner if tree.source[access.start_byte] == "*" else None
    inner = access.child_by_field_name("argument")
    if inner is None:
        return None
    if access.type == "field_expression" and "->" not in tree.source[inner.end_byte : access.end_byte]:
        return None
    return inner


def accesses(scene: Scene) -> list[Node]:
    """Accesses through pointers near the place at fault, the nearest first: those that contain it, then its operands,
    then the others of the statement."""
    node, statement = scene.node, scene.statement
    if node is None:
        return []
    tree, found = scene.tree, []
    for here in tree.ancestors(node):
        if (statement is not None and here.id == statement.id) or here.type == "function_definition":
            break
        if here.type in _ACCESSES:
            found.append(here)
        if here.type in ("assignment_expression", "update_expression"):
            target = here.child_by_field_name("left") or here.child_by_field_name("argument")
            found += list(tree.find(target, *_ACCESSES)) if target is not None else []
        if here.type in ("call_expression", "binary_expression", "init_declarator"):
            found += list(tree.find(here, *_ACCESSES))
    if statement is not None and statement.type not in (*LOOPS, "if_statement", "switch_statement"):
        found += list(tree.find(statement, *_ACCESSES))
    elif statement is not None:
        condition = statement.child_by_field_name("condition")
        found += list(tree.find(condition, *_ACCESSES)) if condition is not None else []
        if node.type in LOOPS:  # clang gives the loop as the place of what it unrolled or moved
            found += list(tree.find(node, *_ACCESSES))
    return list({(n.start_byte, n.end_byte): n for n in found}.values())


def pointers(scene: Scene) -> list[str]:
    """Texts of the pointers followed near the place at fault, the nearest first."""
    found: dict[str, None] = {}
    for access in accesses(scene):
        inner = followed(scene.tree, access)
        if inner is None:
            continue
        inner = stripped(scene.tree, inner)
        if inner.type in ("identifier", "field_expression"):
            found.setdefault(scene.tree.of(inner))
        elif inner.type == "binary_expression":
            for name in scene.tree.find(inner, "identifier"):
                found.setdefault(scene.tree.of(name))
    call = scene.tree.up(scene.node, "call_expression")
    if call is not None and called(scene.tree, call).startswith(("__sync_", "__atomic_", "__builtin_mem", "mem")):
        for argument in arguments(call)[:2]:
            variable = _variable(scene.tree, argument)
            if variable:
                found.setdefault(variable)
    return list(found)


def _variable(tree: CTree, node: Node) -> str:
    """The variable at the beginning of an expression such as &p->f[3]; "" if there is none."""
    node = stripped(tree, node)
    for _ in range(8):
        inner = node.child_by_field_name("argument") if node.type in _ACCESSES else None
        if inner is None:
            break
        node = stripped(tree, inner)
    return tree.of(node) if node.type == "identifier" else ""


def call_at(scene: Scene, insn_idx: int, name: str = "") -> Node | None:
    """The call expression that an instruction comes from."""
    node = scene.node_of(insn_idx)
    if node is None:
        return None
    tree = scene.tree
    call = tree.up(node, "call_expression")
    if call is not None and (not name or called(tree, call) == name):
        return call
    statement = tree.statement(node)
    for each in tree.find(statement, "call_expression") if statement is not None else ():
        if not name or called(tree, each) == name:
            return each
    return call


def called(tree: CTree, call: Node) -> str:
    """The name of what a call expression calls."""
    function = call.child_by_field_name("function")
    return tree.of(function) if function is not None else ""


def arguments(call: Node) -> list[Node]:
    """The arguments of a call expression."""
    found = call.child_by_field_name("arguments")
    return [n for n in found.named_children if n.type != "comment"] if found is not None else []


def assigned(tree: CTree, value: Node) -> str:
    """The variable that an expression's value is stored in, "" if it is stored in none."""
    here: Node | None = value
    while here is not None:
        parent = here.parent
        if parent is None:
            return ""
        if parent.type == "init_declarator":
            name = tree.declared(parent.child_by_field_name("declarator"))
            return tree.of(name) if name is not None else ""
        if parent.type == "assignment_expression":
            left = parent.child_by_field_name("left")
            return tree.of(left) if left is not None and left.id != here.id else ""
        if parent.type not in ("cast_expression", "parenthesized_expression"):
            return ""
        here = parent
    return ""


def declaration(tree: CTree, function: Node, name: str) -> tuple[Node, Node, str] | None:
    """(declaration, its identifier, type as written) of a local variable, parameter or global."""
    for scope in (function, tree.root):
        for node in tree.find(scope, "declaration", "parameter_declaration"):
            for child in node.children_by_field_name("declarator"):
                found = tree.declared(child)
                if found is not None and tree.of(found) == name:
                    return node, found, tree.type_of(node, found)
    return None


def type_of(scene: Scene, name: str) -> str:
    """The type of a variable as written, "" if the text does not show it."""
    found = declaration(scene.tree, scene.function, name) if scene.function is not None else None
    return found[2] if found is not None else ""


def is_signed(kind: str) -> bool:
    """Whether an integer type as written is signed."""
    words = set(kind.split())
    if words & {"unsigned", "bool", "_Bool", "size_t"} or "*" in kind or "[" in kind:
        return False
    return bool(
        words & {"int", "long", "short", "char", "signed", "ssize_t", "loff_t", "pid_t"}
        or re.search(r"\b(?:__)?s(?:8|16|32|64)\b|\bint(?:8|16|32|64)_t\b", kind)
    )


def unsigned(kind: str) -> str:
    """The unsigned type of the same width, "" for what is no signed integer."""
    if not is_signed(kind):
        return ""
    kind = re.sub(r"\b(__)?s(8|16|32|64)\b", r"\1u\2", kind)
    kind = re.sub(r"\bint(8|16|32|64)_t\b", r"uint\1_t", kind)
    if re.search(r"\bu|__u", kind):
        return kind
    kind = kind.replace("ssize_t", "size_t").replace("signed ", "")
    return kind if "size_t" in kind else re.sub(r"\b(long|int|short|char|loff_t|pid_t)", r"unsigned \1", kind, count=1)


def in_loop(tree: CTree, node: Node) -> bool:
    """Whether a place is in the body of a loop."""
    loop = tree.up(node, *LOOPS)
    body = loop.child_by_field_name("body") if loop is not None else None
    return body is not None and body.start_byte <= node.start_byte < body.end_byte


def exits(scene: Scene, place: Node, *, skip: bool = False) -> list[str]:
    """Statements that leave at a place, in the function's own style, the likeliest first.

    skip -- of a loop without a style of its own: go on with its next round instead of leaving it
    """
    tree, function = scene.tree, scene.tree.function(place)
    if function is None:
        return []
    seen: Counter[str] = Counter()
    loop = tree.up(place, *LOOPS) if in_loop(tree, place) else None
    inner: list[str] = []
    for node in tree.find(function, "if_statement"):
        body = node.child_by_field_name("consequence")
        if body is None:
            continue
        last = body.named_children[-1] if body.type == "compound_statement" and body.named_children else body
        text = " ".join(tree.of(last).split())
        if last.type in ("return_statement", "goto_statement"):
            seen[text] += 1 if node.start_byte < place.start_byte else 0
        elif loop is not None and last.type in ("break_statement", "continue_statement"):
            inner += [text] if loop.start_byte <= node.start_byte < loop.end_byte and (skip or text == "break;") else []
    found = dict.fromkeys(inner)
    if loop is not None:
        counts = loop.type == "for_statement" and loop.child_by_field_name("update") is not None
        found.setdefault("continue;" if skip and (counts or not tree.of(loop).startswith("while (")) else "break;")
    # Checks before the place show how the function leaves; a return after it may be what the function decides.
    simple = [(text, count) for text, count in seen.most_common() if _simple(text)]
    found |= dict.fromkeys(text for text, count in simple if count)
    found |= dict.fromkeys(neutral(scene, function))
    found |= dict.fromkeys(text for text, count in simple if not count)
    return list(found)[:3]


def _simple(text: str) -> bool:
    return text.startswith("goto") or text == "return;" or bool(_SIMPLE.fullmatch(text[len("return") : -1].strip()))


def neutral(scene: Scene, function: Node) -> list[str]:
    """The return statements that decide nothing."""
    tree = scene.tree
    kind = tree.returns(function)
    if kind == "void":
        return ["return;"]
    if kind.endswith("*"):
        return ["return NULL;" if "NULL" in tree.text.code else "return 0;"]
    if not scene.is_program(function):
        last = [tree.of(n) for n in tree.find(function, "return_statement")]
        simple = [text for text in reversed(last) if _simple(" ".join(text.split()))]
        return [*simple[:1], "return -1;" if is_signed(kind) else "return 0;", "return 0;"]
    name, number = NEUTRAL.get(scene.program.prog_type, ("0", "0"))
    if "parser" in scene.program.section:
        name = number = "0"  # a length: 0 asks for more
    if name.startswith("TC_ACT") and not re.search(r"pkt_cls\.h|define\s+TC_ACT_OK", tree.source):
        name = number
    return [f"return {name};"]


def ends(scene: Scene, function: Node) -> list[str]:
    """Expressions of the packet's end that a function has: a variable, parameter or member, or the context's field."""
    tree = scene.tree
    found: dict[str, None] = {}
    for node in tree.find(function, "init_declarator", "assignment_expression"):
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if value is not None and re.search(r"\b(?:data|optval)_end\b", tree.of(value)):
            name = assigned(tree, value)
            if name:
                found.setdefault(name)
    parameters = tree.parameters(function)
    for name, (kind, _) in parameters.items():
        if "end" in name and "*" in kind:
            found.setdefault(name)
    for node in tree.find(function, "field_expression"):
        text = tree.of(node)
        if re.search(r"(?:->|\.)(?:data_)?end$", text):
            context = re.search(r"\b(?:xdp_md|__sk_buff|sk_msg_md)\b", type_of_in(tree, function, text.split("->")[0]))
            found.setdefault(f"(void *)(long){text}" if context else text)
    for name, (kind, _) in parameters.items():
        if re.search(r"struct (?:xdp_md|__sk_buff|sk_skb)\b", kind):
            found.setdefault(f"(void *)(long){name}->data_end")
        elif "struct bpf_sock_ops" in kind:
            found.setdefault(f"{name}->skb_data_end")
        elif "struct sk_msg_md" in kind:
            found.setdefault(f"{name}->data_end")
        elif "struct bpf_sockopt" in kind:
            found.setdefault(f"{name}->optval_end")
        elif kind.count("*") == 1:
            found |= dict.fromkeys(f"{name}->{member}" for member in _end_members(tree, kind))
    return list(found)


def _end_members(tree: CTree, kind: str) -> Iterator[str]:
    """Members of a struct of the source that point to the packet's end, by their names."""
    named = re.search(r"struct (\w+)", kind)
    for node in tree.find(tree.root, "struct_specifier") if named else ():
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if body is None or name is None or named is None or tree.of(name) != named[1]:
            continue
        for member in body.named_children:
            field = member.type == "field_declaration"
            declared = tree.declared(member.child_by_field_name("declarator")) if field else None
            if declared is not None and re.fullmatch(r"\w*end", tree.of(declared)) and "*" in tree.of(member):
                yield tree.of(declared)


def type_of_in(tree: CTree, function: Node, name: str) -> str:
    """The type of a variable of a function as written."""
    found = declaration(tree, function, name)
    return found[2] if found is not None else ""


def calls_of(tree: CTree, name: str) -> Iterator[Node]:
    """Calls of a function in the source."""
    for node in tree.find(tree.root, "call_expression"):
        if called(tree, node) == name:
            yield node


def fresh(scene: Scene, wanted: str) -> str:
    """A name that the source does not use yet."""
    used = set(re.findall(r"\w+", scene.tree.text.code))
    name, n = wanted, 2
    while name in used:
        name, n = f"{wanted}{n}", n + 1
    return name
