"""What a call is given: another helper, map or pointer, or memory of another size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.btf.types import Kind
from vm.csource.misuse import prints
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.kernel.helpers import helper, helper_proto
from vm.kernel.names import map_type_name
from vm.repair.candidate import Candidate, before, hoisted, replaced
from vm.repair.cview import arguments, assigned, call_at, called, fresh, stripped, type_of
from vm.repair.scene import Scene
from vm.verifier.call.map_compat import MAPS_OF_FUNC
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from tree_sitter import Node

_BASE: Final = 0xFF  # the bits of enum bpf_arg_type that are no flags (BPF_BASE_TYPE_BITS)
_MOST_COPIED: Final = 256  # bytes
_TRACES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_PERF_EVENT, k.BPF_PROG_TYPE_LSM,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_TRACING,
    }
)  # fmt: skip
_MOST_RESERVED: Final = 1 << 16  # bytes
_FIFO: Final = (k.BPF_MAP_TYPE_QUEUE, k.BPF_MAP_TYPE_STACK, k.BPF_MAP_TYPE_BLOOM_FILTER)

_OTHER_HELPER: Final[dict[str, tuple[str, ...]]] = {
    "bpf_probe_read": ("bpf_probe_read_kernel", "bpf_probe_read_user"),
    "bpf_probe_read_str": ("bpf_probe_read_kernel_str", "bpf_probe_read_user_str"),
    "bpf_get_current_task": ("bpf_get_current_task_btf",),
    "bpf_copy_from_user": ("bpf_probe_read_user",),
    "bpf_copy_from_user_str": ("bpf_probe_read_user_str",),
    "bpf_skb_load_bytes_relative": ("bpf_skb_load_bytes",),
    "bpf_redirect_peer": ("bpf_redirect",),
    "bpf_ktime_get_coarse_ns": ("bpf_ktime_get_ns",),
    "bpf_ktime_get_tai_ns": ("bpf_ktime_get_ns", "bpf_ktime_get_boot_ns"),
    "bpf_jiffies64": ("bpf_ktime_get_ns",),
}


def other_helper(scene: Scene) -> Iterator[Candidate]:
    """A helper that does the same and that this program may call."""
    call = call_at(scene, scene.insn_idx)
    function = call.child_by_field_name("function") if call is not None else None
    if call is None or function is None:
        return
    name = called(scene.tree, call)
    for other in _OTHER_HELPER.get(name, ()):
        yield Candidate(
            f"Call {other}() instead of {name}()", f"This program may not call {name}().",
            (replaced(scene.tree, function, other),),
        )  # fmt: skip


def printed(scene: Scene) -> Iterator[Candidate]:
    """bpf_printk() for a bpf_trace_printk() that was given no size."""
    call = call_at(scene, scene.insn_idx)
    if call is None:
        return
    for why, line, fix in prints(scene.tree):
        if line == scene.tree.line(call.start_byte):
            yield Candidate(fix.title, why, fix.edits)


def other_map(scene: Scene) -> Iterator[Candidate]:
    """Another map of the source in the call."""
    tree, call = scene.tree, call_at(scene, scene.insn_idx)
    if call is None:
        return
    given = arguments(call)
    names = [spec.full_name or spec.name for spec in scene.maps if spec.initial is None]
    regno = scene.regno if 1 <= scene.regno <= len(given) else next(
        (n for n, node in enumerate(given, 1) if tree.of(node).lstrip("& ") in names), 0)  # fmt: skip
    if not regno:
        return
    argument = given[regno - 1]
    now = tree.of(argument).lstrip("& ")
    near = _map_of_value(scene)
    for name in sorted(names, key=lambda n: n != near):
        if re.fullmatch(r"\w+", name) and name != now and re.search(rf"\b{name}\b", tree.text.code):
            yield Candidate(
                f"Give {called(tree, call)}() the map {name}", "The call takes a map of another kind here.",
                (replaced(tree, argument, f"&{name}"),),
            )  # fmt: skip


def other_map_type(scene: Scene) -> Iterator[Candidate]:
    """The map's definition with a type that the helper works on."""
    tree, call, known = scene.tree, call_at(scene, scene.insn_idx), helper(scene.insn.imm)
    if call is None or known is None or scene.insn.code != o.JMP | o.CALL or scene.insn.src_reg:
        return
    names = [spec.full_name or spec.name for spec in scene.maps if spec.initial is None]
    name = next((text for node in arguments(call) if (text := tree.of(node).lstrip("& ")) in names), "")
    variable = re.search(rf"\}}[^;{{}}]*\b{re.escape(name)}\b", tree.text.code) if name else None
    if variable is None:
        return
    types = list(re.finditer(r"__uint\s*\(\s*type\s*,\s*(BPF_MAP_TYPE_\w+)\s*\)", tree.source[: variable.start()]))
    if not types:
        return
    for number in sorted(MAPS_OF_FUNC.get(scene.insn.imm, ()), key=lambda each: (each in _FIFO, -each)):
        new = f"BPF_MAP_TYPE_{map_type_name(number).upper()}"
        if new != types[-1][1]:
            yield Candidate(
                f"Make {name} a map of type {new}", f"{known.name}() does not work on maps of type {types[-1][1]}.",
                (tree.edit(types[-1].start(1), types[-1].end(1), new),),
            )  # fmt: skip


def pushed(scene: Scene) -> Iterator[Candidate]:
    """bpf_map_push_elem() where a value is put into a map without keys."""
    tree, call = scene.tree, call_at(scene, scene.insn_idx)
    given = arguments(call) if call is not None else []
    if call is None or called(tree, call) != "bpf_map_update_elem" or len(given) != 4:
        return
    text = f"bpf_map_push_elem({tree.of(given[0])}, {tree.of(given[2])}, {tree.of(given[3])})"
    yield Candidate(
        "Call bpf_map_push_elem(), which takes no key", "The values of a queue, stack or bloom filter have no keys.",
        (replaced(tree, call, text),),
    )  # fmt: skip


def _map_of_value(scene: Scene) -> str:
    reg = scene.reg
    if reg is not None and 0 <= reg.map_ptr < len(scene.program.maps):
        spec = scene.program.maps[reg.map_ptr]
        return spec.full_name or spec.name
    return ""


def argument(scene: Scene) -> Iterator[Candidate]:
    """Another argument: the context, the address of a variable, a local copy, a typed pointer."""
    tree, call, statement = scene.tree, call_at(scene, scene.insn_idx), scene.statement
    if call is None or statement is None:
        return
    given = arguments(call)
    if not 1 <= scene.regno <= len(given):
        return
    node = given[scene.regno - 1]
    inner = stripped(tree, node)
    text = tree.of(inner)
    what = called(tree, call)
    why = f"{what}() takes a pointer to memory that the verifier knows here, and {text} is none."
    for context in _contexts(scene):
        if text != context:
            yield Candidate(f"Give {what}() the context", f"{what}() takes the context here.",
                            (replaced(tree, node, context),))  # fmt: skip
    if inner.type == "call_expression" and called(tree, inner) == "bpf_get_current_task":
        function = inner.child_by_field_name("function")
        yield Candidate(
            "Take the task from bpf_get_current_task_btf()",
            "bpf_get_current_task() gives a number; bpf_get_current_task_btf() a pointer to a struct task_struct.",
            (replaced(tree, function, "bpf_get_current_task_btf"),) if function is not None else (),
        )
    if inner.type == "identifier" and "*" in type_of(scene, text) and re.match(r"bpf_map_\w+_elem", what) and (
        scene.regno == 2 and not tree.bare(statement) and _key_size(scene) == 8
    ):  # fmt: skip
        key = fresh(scene, "key")
        yield Candidate(
            f"Use the address in {text} as the key", f"{what}() reads the key from memory: here that of a variable.",
            (*before(tree, statement, [f"__u64 {key} = (__u64){text};"]), replaced(tree, node, f"&{key}")),
        )  # fmt: skip
    yield from _original(scene, node, inner, what)
    if inner.type == "identifier" and "*" not in type_of(scene, text) and "[" not in type_of(scene, text):
        yield Candidate(f"Give the address of {text}", why, (replaced(tree, node, f"&{text}"),))
    target = inner.child_by_field_name("argument") if inner.type == "pointer_expression" else inner
    if target is not None and target.type == "field_expression" and not tree.bare(statement):
        copy = fresh(scene, (re.findall(r"\w+", tree.of(target)) or ["value"])[-1])
        lines = [f"__typeof__({tree.of(target)}) {copy} = {tree.of(target)};"]
        yield Candidate(
            f"Give {what}() a copy of {tree.of(target)} on the stack", why,
            (*before(tree, statement, lines), replaced(tree, node, f"&{copy}")),
        )  # fmt: skip


def no_packet(scene: Scene) -> Iterator[Candidate]:
    """The context, or a copy of the bytes, for a call that takes no pointer into the packet."""
    tree, statement, call = scene.tree, scene.statement, call_at(scene, scene.insn_idx)
    given = arguments(call) if call is not None else []
    if call is None or statement is None or not 1 <= scene.regno <= len(given) or scene.function is None:
        return
    what, node = called(tree, call), given[scene.regno - 1]
    why = f"{what}() takes no pointer into the packet."
    proto = helper_proto(scene.program.prog_type, scene.program.expected_attach_type, scene.insn.imm)
    if proto is not None and proto.arg_types[scene.regno - 1] & _BASE == k.ARG_PTR_TO_CTX:
        for context in list(tree.parameters(scene.function))[:1]:
            yield Candidate(f"Give {what}() the context", f"{why} Its argument {scene.regno} is the context.",
                            (replaced(tree, node, context),))  # fmt: skip
        return
    yield from _buffered(scene, "__builtin_memcpy({0}, {1}, sizeof({0}))", why)


def member_of_argument(scene: Scene) -> Iterator[Candidate]:
    """An object of the kernel that a call takes: a member of what the hook's function gets."""
    tree, call, function = scene.tree, call_at(scene, scene.insn_idx), scene.function
    given = arguments(call) if call is not None else []
    program = scene.program
    proto = helper_proto(program.prog_type, program.expected_attach_type, scene.insn.imm, hook=program.attach_btf_name)
    if call is None or function is None or proto is None or not 1 <= scene.regno <= len(given):
        return
    wanted, btf = proto.arg_btf_ids[scene.regno - 1], kernel_btf()
    if not wanted or wanted == "*":
        return
    for kind, name in re.findall(r"struct\s+(\w+)\s*\*\s*(\w+)", tree.of(function)[:400]):
        found = btf.find(kind, Kind.STRUCT)
        for member in found.members if found is not None else ():
            inner = btf.skip_modifiers(member.type_id)
            embedded = inner.kind is Kind.STRUCT and inner.name == wanted
            target = btf.skip_modifiers(inner.type_id) if inner.kind is Kind.PTR else None
            points = target is not None and target.kind is Kind.STRUCT and target.name == wanted
            if member.name and (embedded or points):
                text = f"{'&' if embedded else ''}{name}->{member.name}"
                yield Candidate(
                    f"Give {called(tree, call)}() {text}",
                    f"{called(tree, call)}() takes a struct {wanted} of the kernel, and {name} has one.",
                    (replaced(tree, given[scene.regno - 1], text),),
                )


def string_read(scene: Scene) -> Iterator[Candidate]:
    """A copy of memory of the kernel, where a call gets its address, which is a number to the verifier."""
    reg = scene.reg
    if reg is None or reg.type != t.SCALAR_VALUE or reg.is_const() or scene.program.prog_type not in _TRACES:
        return
    why = "To the verifier this is a number, not a pointer it knows: a helper copies what is there to the stack first."
    yield from _buffered(scene, "bpf_probe_read_kernel_str({0}, sizeof({0}), {1})", why)
    yield from _buffered(scene, "bpf_probe_read_kernel({0}, sizeof({0}), {1})", why)


def _buffered(scene: Scene, copy: str, why: str) -> Iterator[Candidate]:
    """A call's memory argument copied to the stack, where its size is a small constant."""
    tree, statement, call = scene.tree, scene.statement, call_at(scene, scene.insn_idx)
    given = arguments(call) if call is not None else []
    if call is None or statement is None or not 1 <= scene.regno <= len(given) or not scene.frames:
        return
    size = scene.frames[-1].regs[min(scene.regno + 1, 5)]
    node = given[scene.regno - 1]
    if size.type != t.SCALAR_VALUE or not size.is_const() or not 0 < size.scalar.umin <= _MOST_COPIED:
        return
    name = fresh(scene, "copy")
    words = copy.format(name, tree.of(node))
    yield Candidate(
        f"Give {called(tree, call)}() a copy of {tree.of(node)}: {words.split('(')[0]}()", why,
        hoisted(tree, statement, [f"char {name}[{size.scalar.umin}] = {{}};", f"{words};"], node, name),
    )  # fmt: skip


def constant_format(scene: Scene) -> Iterator[Candidate]:
    """A local array with a text as a static constant, for a call that takes a string that cannot change."""
    tree, call, function = scene.tree, call_at(scene, scene.insn_idx), scene.function
    given = arguments(call) if call is not None else []
    if call is None or function is None or not 1 <= scene.regno <= len(given):
        return
    name = tree.of(stripped(tree, given[scene.regno - 1]))
    for node in tree.find(function, "declaration"):
        for child in node.children_by_field_name("declarator"):
            found = tree.declared(child)
            value = child.child_by_field_name("value")
            if found is None or tree.of(found) != name or value is None or value.type != "string_literal":
                continue
            if len(node.children_by_field_name("declarator")) != 1 or "static" in tree.of(node).split():
                continue
            words = "static " if "const" in tree.of(node).split() else "static const "
            yield Candidate(
                f"Make {name} a static constant",
                f"{called(tree, call)}() takes a string in read-only data only: one that cannot change.",
                (tree.edit(node.start_byte, node.start_byte, words),),
            )


def _key_size(scene: Scene) -> int:
    """Bytes of a key of the map that the call is given."""
    reg = scene.frames[-1].regs[1] if scene.frames else None
    if reg is None or t.base_type(reg.type) != t.CONST_PTR_TO_MAP or not 0 <= reg.map_ptr < len(scene.program.maps):
        return 0
    return scene.program.maps[reg.map_ptr].key_size


def _original(scene: Scene, node: Node, inner: Node, what: str) -> Iterator[Candidate]:
    """The kernel's own object instead of a copy of it that BPF_CORE_READ() made."""
    tree, function = scene.tree, scene.function
    target = inner.child_by_field_name("argument") if inner.type == "pointer_expression" else None
    if target is None or target.type != "identifier" or function is None:
        return
    for call in tree.find(function, "call_expression"):
        if called(tree, call) != "BPF_CORE_READ" or assigned(tree, call) != tree.of(target):
            continue
        chain = "->".join(tree.of(each) for each in arguments(call))
        yield Candidate(
            f"Give {what}() the address of {chain}",
            f"{what}() takes the kernel's own object; {tree.of(target)} is a copy.",
            (replaced(tree, node, f"&{chain}"),),
        )  # fmt: skip


def _contexts(scene: Scene) -> list[str]:
    if "expected" not in scene.values or "ctx" not in str(scene.values["expected"]):
        return []
    tree, function = scene.tree, scene.function
    if function is None:
        return []
    declarator = tree.of(function)[:200]
    if re.search(r"\bBPF_(?:PROG2?|KPROBE|KRETPROBE|KSYSCALL|UPROBE|URETPROBE|USDT)\s*\(", declarator):
        return ["ctx"]
    parameters = list(tree.parameters(function))
    return parameters[:1]


def reserved_size(scene: Scene) -> Iterator[Candidate]:
    """The size given to the call that made the memory: constant, of the object and not of the pointer."""
    tree = scene.tree
    calls = [call_at(scene, scene.insn_idx)] if scene.rule.name == "allocation-size-not-constant" else []
    calls += [call_at(scene, cause.insn_idx) for cause in scene.causes("call", "acquired")]
    for call in calls:
        if call is None or called(tree, call) not in ("bpf_ringbuf_reserve", "bpf_dynptr_data", "bpf_dynptr_slice"):
            continue
        name = assigned(tree, call)
        given = arguments(call)
        at = 1 if called(tree, call) == "bpf_ringbuf_reserve" else 2
        if not name or len(given) <= at:
            continue
        size = given[at]
        wanted = f"sizeof(*{name})"
        if type_of(scene, name).startswith("void"):
            if scene.rule.name == "allocation-size-not-constant" and scene.reg is not None:
                most = scene.reg.scalar.umax
                if most < _MOST_RESERVED:
                    yield Candidate(
                        f"Reserve {most} bytes, the largest size", "The size has to be the same on every path.",
                        (replaced(tree, size, str(most)),),
                    )  # fmt: skip
            continue
        if re.sub(r"\s+", "", tree.of(size)) != wanted:
            yield Candidate(
                f"Take memory for what {name} points to: {wanted}",
                f"{tree.of(size)} is not the size of what {name} points to.", (replaced(tree, size, wanted),),
            )  # fmt: skip
        reg = scene.reg
        end = (reg.off if reg is not None else 0) + scene.insn.off + scene.value("size")
        if end > 0 and scene.rule.name != "allocation-size-not-constant":
            yield Candidate(
                f"Take {end} bytes of memory", f"The program touches {end} bytes from {name} on.",
                (replaced(tree, size, str(end)),),
            )  # fmt: skip


_ATOMICS: Final = {
    "__sync_fetch_and_add": "+=", "__sync_fetch_and_sub": "-=", "__sync_fetch_and_or": "|=",
    "__sync_fetch_and_and": "&=", "__sync_fetch_and_xor": "^=", "__sync_add_and_fetch": "+=",
}  # fmt: skip


def not_atomic(scene: Scene) -> Iterator[Candidate]:
    """An atomic operation on memory that no other CPU changes at the same time, as a plain one."""
    tree, statement = scene.tree, scene.statement
    call = tree.up(scene.node, "call_expression")
    given = arguments(call) if call is not None else []
    operator = _ATOMICS.get(called(tree, call)) if call is not None else None
    if operator is None or len(given) != 2 or call is None or statement is None:
        return
    if statement.type == "expression_statement" and statement.named_children[0].id == call.id:
        target = tree.of(given[0])
        text = target[1:] if target.startswith("&") else f"*{target}" if target.isidentifier() else f"*({target})"
        yield Candidate(
            "Do it without an atomic operation",
            "Atomic operations work on map values and the stack; a packet or context is changed by one CPU only.",
            (replaced(tree, call, f"{text} {operator} {tree.of(given[1])}"),),
        )


def compared(scene: Scene) -> Iterator[Candidate]:
    """bpf_strncmp() with a text that is no constant, as a comparison of all bytes."""
    tree, call = scene.tree, call_at(scene, scene.insn_idx)
    given = arguments(call) if call is not None else []
    if call is None or called(tree, call) != "bpf_strncmp" or len(given) != 3:
        return
    text = f"__builtin_memcmp({tree.of(given[0])}, {tree.of(given[2])}, {tree.of(given[1])})"
    yield Candidate(
        "Compare the bytes with __builtin_memcmp()",
        "bpf_strncmp() takes its third argument from read-only data only. All bytes are compared then, also those "
        "behind the end of the text, which have to be zero on both sides.",
        (replaced(tree, call, text),),
    )  # fmt: skip
