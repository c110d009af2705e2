"""Memory of the kernel or of user space that a program follows a pointer into: read by a helper instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.big_locals import WIDTHS
from vm.csource.tree import LOOPS
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.repair.candidate import Candidate, hoisted, replaced
from vm.repair.cview import accesses, arguments, assigned, call_at, called, followed, fresh, pointers, stripped, type_of
from vm.repair.scene import Scene
from vm.repair.stale import stale_pointers
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from tree_sitter import Node

_USER: Final = re.compile(
    r"^(?:tracepoint|tp)/syscalls/|^u(?:ret)?probe|^usdt|^k(?:ret)?syscall|^k(?:ret)?probe/__\w+_sys_"
)
_PROCESS: Final = re.compile(r"^(?:tracepoint|tp)/syscalls/|^u(?:ret)?probe|^usdt|^k(?:ret)?syscall")
_FROM_KERNEL: Final = re.compile(r"get_current_task|_CORE_READ|probe_read_kernel")
_ARGUMENTS: Final = re.compile(_FROM_KERNEL.pattern + "|PT_REGS")
_PACKETS: Final = (
    k.BPF_PROG_TYPE_XDP, k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT, k.BPF_PROG_TYPE_SOCKET_FILTER,
    k.BPF_PROG_TYPE_CGROUP_SKB, k.BPF_PROG_TYPE_SK_SKB, k.BPF_PROG_TYPE_SK_MSG, k.BPF_PROG_TYPE_LWT_XMIT,
)  # fmt: skip
_CORE: Final = "#include <bpf/bpf_core_read.h>\n"
_WHY: Final = (
    "To the verifier this is a number, not a pointer it knows. A helper reads memory wherever it is, and gives an "
    "error where there is none."
)

_WHY_VARIABLE: Final = (
    "The verifier follows this pointer at constant offsets only. A helper reads memory wherever it is, and gives an "
    "error where there is none."
)


def by_helper(scene: Scene) -> Iterator[Candidate]:
    """A read through a number."""
    reg = scene.reg
    if scene.statement is None or reg is None:
        return
    if any(True for _ in scene.causes("clobbered")):
        yield from stale_pointers(scene)
    if scene.program.prog_type in _PACKETS and "get_current_task" not in scene.tree.source:
        return  # what it follows is to be a packet pointer, and no kernel address
    base = t.base_type(reg.type)
    if base == t.SCALAR_VALUE and reg.is_const() and 0 <= reg.scalar.umin < 1 << 16:
        return  # NULL, or a member of what is at NULL: no address of anything
    if base not in (t.SCALAR_VALUE, t.PTR_TO_BTF_ID, t.PTR_TO_MEM, t.PTR_TO_BUF) or scene.insn.code & 0x07 == o.STX:
        return
    yield from _memcpy(scene)
    yield from _typed_task(scene)
    kernel = _of_the_kernel(scene) or base == t.PTR_TO_BTF_ID
    user = (bool(_USER.search(scene.program.section)) and not kernel) or bool(reg.type & t.MEM_USER)
    yield from _core_read(scene, "BPF_PROBE_READ_USER" if user else "BPF_CORE_READ")
    # Memory of the other kind would be read with an error each time.
    for space in ("user",) if user else ("kernel",) if kernel else ("kernel", "user"):
        yield from _copied(scene, space)


def of_the_record(scene: Scene) -> Iterator[Candidate]:
    """A read of a tracepoint's record at an offset that is not constant, by a helper."""
    if scene.program.prog_type == k.BPF_PROG_TYPE_TRACEPOINT and scene.insn.code & 0x07 == o.LDX:
        yield from _copied(scene, "kernel")


def _typed_task(scene: Scene) -> Iterator[Candidate]:
    """The current task as a typed pointer instead of a number."""
    for cause in scene.causes("call"):
        call = call_at(scene, cause.insn_idx, "bpf_get_current_task")
        function = call.child_by_field_name("function") if call is not None else None
        if function is not None and scene.tree.of(function) == "bpf_get_current_task":
            yield Candidate(
                "Take the task from bpf_get_current_task_btf()",
                "bpf_get_current_task() gives a number; bpf_get_current_task_btf() a pointer to a struct task_struct.",
                (replaced(scene.tree, function, "bpf_get_current_task_btf"),),
            )


def _chain(scene: Scene, access: Node) -> tuple[str, list[str]] | None:
    """(base, members) of a->b->c.d; None for other expressions."""
    tree, members = scene.tree, list[str]()
    node = access
    while node.type == "field_expression":
        inner, name = node.child_by_field_name("argument"), node.child_by_field_name("field")
        if inner is None or name is None:
            return None
        if "->" in tree.source[inner.end_byte : name.start_byte]:
            members.insert(0, tree.of(name))
        elif node.id == access.id or members:
            members.insert(0, "." + tree.of(name))
        else:
            return None
        node = inner
    # ".d" belongs to the member before it.
    joined: list[str] = []
    pending = ""
    for member in reversed(members):
        if member.startswith("."):
            pending = member + pending
        else:
            joined.insert(0, member + pending)
            pending = ""
    if pending or node.type not in ("identifier", "parenthesized_expression", "call_expression"):
        return None
    return tree.of(node), joined


def _whole(scene: Scene, access: Node) -> Node:
    """The longest chain of members that an access is part of."""
    node = access
    while node.parent is not None and node.parent.type == "field_expression":
        node = node.parent
    return node


def _of_the_kernel(scene: Scene) -> bool:
    """Whether the pointer is one that the program took from the kernel, such as the current task."""
    tree, function = scene.tree, scene.function
    process = _PROCESS.search(scene.program.section) is not None
    from_kernel = _FROM_KERNEL if process else _ARGUMENTS
    for name in pointers(scene)[:1]:
        base = re.split(r"->|\.", name)[0]
        if not process and re.match(r"(?:const )?struct \w+ \*$", type_of(scene, base)):
            return True  # what a function of the kernel gets or has
        for node in tree.find(function, "init_declarator", "assignment_expression") if function is not None else ():
            value = node.child_by_field_name("value") or node.child_by_field_name("right")
            if value is not None and assigned(tree, value) == base:
                return from_kernel.search(tree.of(value)) is not None
    return False


def _core_read(scene: Scene, macro: str) -> Iterator[Candidate]:
    tree = scene.tree
    done: set[tuple[int, int]] = set()
    for access in accesses(scene):
        node = _whole(scene, access)
        if node.type != "field_expression" or (node.start_byte, node.end_byte) in done or _is_address(scene, node):
            continue
        done.add((node.start_byte, node.end_byte))
        if (
            node.parent is not None
            and node.parent.type == "subscript_expression"
            and followed(tree, node.parent) == node
        ):
            continue
        chain = _chain(scene, node)
        if chain is None or not chain[1] or _is_target(node):
            continue
        base, members = chain
        edits = [replaced(tree, node, f"{macro}({base}, {', '.join(members)})")]
        edits += _with_header(scene)
        yield Candidate(f"Read {tree.of(node)} with {macro}()", _WHY, tuple(edits))


def _with_header(scene: Scene) -> list:  # type: ignore[type-arg]
    tree = scene.tree
    includes = tree.text.includes
    if any("bpf_core_read.h" in include.name for include in includes):
        return []
    at = max((include.end for include in includes), default=-1)
    if at < 0:
        return [tree.edit(0, 0, _CORE)]
    return [tree.edit(at, at, "\n" + _CORE.rstrip())]


def _is_address(scene: Scene, node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "pointer_expression" and scene.tree.source[parent.start_byte] == "&"


def _is_target(node: Node) -> bool:
    """Whether an expression is written."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "assignment_expression":
        left = parent.child_by_field_name("left")
        return left is not None and left.id == node.id
    return parent.type == "update_expression"


def _memcpy(scene: Scene) -> Iterator[Candidate]:
    """__builtin_memcpy() from a number."""
    tree = scene.tree
    call = tree.up(scene.node, "call_expression")
    if call is None or called(tree, call) not in ("__builtin_memcpy", "memcpy", "__builtin_memmove", "memmove"):
        return
    given = [tree.of(n) for n in arguments(call)]
    if len(given) != 3:
        return
    user = bool(_USER.search(scene.program.section))
    for space in ("user", "kernel") if user else ("kernel", "user"):
        text = f"bpf_probe_read_{space}({given[0]}, {given[2]}, {given[1]})"
        yield Candidate(f"Copy with bpf_probe_read_{space}()", _WHY, (replaced(tree, call, text),))


def _copied(scene: Scene, space: str) -> Iterator[Candidate]:
    """A local copy, read by the helper before the statement."""
    tree, statement = scene.tree, scene.statement
    if statement is None or statement.type in LOOPS:
        return
    done: set[tuple[int, int]] = set()
    for access in accesses(scene):
        node = _whole(scene, access)
        pointer = followed(tree, access)
        if pointer is None or (node.start_byte, node.end_byte) in done or _is_address(scene, node) or _is_target(node):
            continue
        done.add((node.start_byte, node.end_byte))
        text = tree.of(node)
        words = re.findall(r"[A-Za-z_]\w*", text)
        word = words[-1] if words and node.type == "field_expression" else words[0] if words else "read"
        name = fresh(scene, f"{word}_value")
        helper = f"bpf_probe_read_{space}"
        kind = _pointee(scene, access, stripped(tree, pointer)) or _by_size(scene, access, text)
        address = tree.of(pointer) if node.id == access.id and access.type == "pointer_expression" else f"&{text}"
        start = "{}" if kind.startswith(("__typeof", "struct", "union")) else "0"
        space_ = "" if kind.endswith("*") else " "
        lines = [f"{kind}{space_}{name} = {start};",
                 f"{helper}(&{name}, sizeof({name}), {address});"]  # fmt: skip
        why = _WHY if scene.reg is not None and scene.reg.type == t.SCALAR_VALUE else _WHY_VARIABLE
        yield Candidate(f"Read {text} with {helper}()", why, hoisted(tree, statement, lines, node, name))


def _by_size(scene: Scene, access: Node, text: str) -> str:
    """A type for what an access reads: its own, unless that may be const, which a variable must not be."""
    size = {o.B: "char", o.H: "__u16", o.W: "__u32", o.DW: ""}.get(scene.insn.code & 0x18, "")
    base = re.match(r"\(*\w+", text)
    const = base is not None and "const" in type_of(scene, base[0].lstrip("("))
    return size if size and (const or size == "char" and access.type != "field_expression") else f"__typeof__({text})"


def _pointee(scene: Scene, access: Node, pointer: Node) -> str:
    """The type that an access through a pointer has, without const; "" if the text does not show it."""
    if access.type == "field_expression":
        return ""
    node = access.child_by_field_name("argument")
    if node is not None and access.type == "pointer_expression":
        node = node.named_children[0] if node.type == "parenthesized_expression" and node.named_children else node
        if node.type == "cast_expression":
            kind = node.child_by_field_name("type")
            text = scene.tree.of(kind) if kind is not None else ""
            return _without_star(text)
    if pointer.type != "identifier":
        return ""
    return _without_star(type_of(scene, scene.tree.of(pointer)))


def _without_star(kind: str) -> str:
    kind = kind.strip()
    if not kind.endswith("*"):
        return ""
    kind = kind[:-1].strip()
    return kind if kind.endswith("*") else re.sub(r"\b(?:const|volatile)\b\s*", "", kind)


_WIDTHS: Final = ((4, "__u32"), (2, "__u16"), (1, "__u8"))
_CAST: Final = re.compile(r"\*\s*\(\s*((?:unsigned |signed )?[\w ]{1,40}?)\s*\*\s*\)")


def narrower(scene: Scene) -> Iterator[Candidate]:
    """An access that a cast makes longer than what is left of the memory, as one of fewer bytes."""
    tree, statement, reg = scene.tree, scene.statement, scene.reg
    if statement is None or reg is None or scene.value("memory_size") <= 0:
        return
    end = scene.value("off") + scene.value("size")
    for node in tree.find(statement, "pointer_expression"):
        cast = _CAST.match(tree.of(node))
        width = WIDTHS.get(cast[1].split()[-1], 0) if cast is not None else 0
        # clang divides an access that is not aligned: it is the last part that leaves the memory.
        left = scene.value("memory_size") - (end - width)
        fits = next((kind for size, kind in _WIDTHS if size <= left and size < width), "")
        if cast is None or not fits:
            continue
        start = node.start_byte
        yield Candidate(
            f"Access {fits} instead of {cast[1]}",
            f"{left} bytes are left of the memory there, and {cast[1]} has {width}.",
            (tree.edit(start + cast.start(1), start + cast.end(1), fits),),
        )
