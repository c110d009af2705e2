"""The program as a whole: license, section, helpers and maps, linkage, stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.fixes import license_fix, section_fix
from vm.elf.guess import context_of, contexts
from vm.program import Edit
from vm.repair.candidate import Candidate, after, before, replaced
from vm.repair.cview import (
    arguments,
    assigned,
    call_at,
    called,
    exits,
    fresh,
    neutral,
    stripped,
    type_of,
)  # fmt: skip
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

# Sections whose programs have the struct as their context, the usual one first.
_SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "__sk_buff": ("tc", "cgroup_skb/egress", "socket", "sk_skb/stream_verdict", "lwt_xmit"),
    "xdp_md": ("xdp",),
    "bpf_sock_addr": ("cgroup/connect4",),
    "bpf_sock": ("cgroup/sock_create",),
    "bpf_sock_ops": ("sockops",),
    "sk_msg_md": ("sk_msg",),
    "pt_regs": ("kprobe",),
    "bpf_perf_event_data": ("perf_event",),
    "bpf_raw_tracepoint_args": ("raw_tp",),
    "bpf_sockopt": ("cgroup/getsockopt", "cgroup/setsockopt"),
    "bpf_sysctl": ("cgroup/sysctl",),
    "bpf_cgroup_dev_ctx": ("cgroup/dev",),
    "bpf_sk_lookup": ("sk_lookup",),
    "sk_reuseport_md": ("sk_reuseport",),
}
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


def licence(scene: Scene) -> Iterator[Candidate]:
    """A license that is compatible with the GPL."""
    fix = license_fix(scene.tree.text)
    yield Candidate(
        fix.title, "What the program uses is for programs under a license that is compatible with the GPL.", fix.edits
    )


def other_section(scene: Scene) -> Iterator[Candidate]:
    """A section whose program type has the context that the function takes."""
    name, section = scene.program.name, scene.program.section
    context = context_of(scene.program.btf, name)
    for new in _SECTIONS.get(context, ()):
        if new == section:
            continue
        fix = section_fix(scene.tree.text, name, section, new)
        if fix is not None:
            yield Candidate(
                fix.title, f"Programs of that type take a struct {context} and may do what this one does.", fix.edits
            )


def wrong_section(scene: Scene) -> Iterator[Candidate]:
    """The section, where its program type has another context than the function takes."""
    context = context_of(scene.program.btf, scene.program.name)
    if context in _SECTIONS and context != "pt_regs" and contexts().get(scene.program.prog_type) not in (None, context):
        yield from other_section(scene)


def as_fentry(scene: Scene) -> Iterator[Candidate]:
    """SEC("kprobe/f") BPF_KPROBE() as SEC("fentry/f") BPF_PROG(), whose arguments are typed pointers."""
    tree, name, section = scene.tree, scene.program.name, scene.program.section
    kind, slash, function = section.partition("/")
    found = tree.functions.get(name)
    if kind != "kprobe" or not slash or found is None or "+" in function:
        return
    fix = section_fix(tree.text, name, section, f"fentry/{function}")
    macro = next((n for n in tree.find(found, "identifier") if tree.of(n) == "BPF_KPROBE"), None)
    if fix is None or macro is None:
        return
    yield Candidate(
        "Make it an fentry program",
        "The arguments of an fentry program are pointers to the kernel's types; those of a kprobe are numbers.",
        (*fix.edits, replaced(tree, macro, "BPF_PROG")),
    )


def sleepable(scene: Scene) -> Iterator[Candidate]:
    """The section of a program that may sleep."""
    section = scene.program.section
    kind, slash, rest = section.partition("/")
    if kind.endswith(".s") or not slash:
        return
    fix = section_fix(scene.tree.text, scene.program.name, section, f"{kind}.s/{rest}")
    if fix is not None:
        yield Candidate(
            fix.title, "Only sleepable programs may call what can wait, as for a page to be read.", fix.edits
        )


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


def writable(scene: Scene) -> Iterator[Candidate]:
    """`const` taken from a global variable that the program writes."""
    tree = scene.tree
    near = tree.names(scene.statement) if scene.statement is not None else set()
    for node in tree.root.named_children:
        if node.type != "declaration":
            continue
        name = tree.declared(node.child_by_field_name("declarator"))
        const = next((c for c in node.children if c.type == "type_qualifier" and tree.of(c) == "const"), None)
        if name is None or const is None or tree.of(name) not in near:
            continue
        end = const.end_byte + (1 if tree.source[const.end_byte] == " " else 0)
        yield Candidate(
            f"Make {tree.of(name)} writable", "Constants are in a map that neither side may write after loading.",
            (tree.edit(const.start_byte, end, ""),),
        )  # fmt: skip


def static_function(scene: Scene) -> Iterator[Candidate]:
    """A global function made static: it is verified as a part of its caller then."""
    tree = scene.tree
    programs = {scene.program.name}
    for name, node in tree.functions.items():
        head = tree.source[node.start_byte : node.start_byte + 60]
        if name in programs or re.match(r"\s*static\b", head) or any(s.end <= node.start_byte and tree.line(s.end) >=
                                                                      tree.line(node.start_byte) - 1
                                                                      for s in tree.text.sections):  # fmt: skip
            continue
        line = tree.source.rfind("\n", 0, node.start_byte) + 1
        words = tree.source[line : node.start_byte].split()
        at = line if all(word.startswith("__") for word in words) else node.start_byte
        yield Candidate(
            f"Make {name}() static",
            "Global functions are verified by themselves: what is known of their arguments and results stays outside.",
            (tree.edit(at, at, "static "),),
        )


def off_the_stack(scene: Scene) -> Iterator[Candidate]:
    """The largest local arrays moved to a per-CPU array map."""
    tree = scene.tree
    found = []
    for function in tree.functions.values():
        for node in tree.find(function, "declaration"):
            children = node.children_by_field_name("declarator")
            if len(children) != 1:
                continue
            name = tree.declared(children[0])
            kind = tree.type_of(node, name) if name is not None else ""
            size = re.search(r"\[(\w+)\]", kind)
            number = _constant(scene, size[1]) if size else None
            if name is not None and number is not None and number >= 64:
                found.append((number, function, node, name, kind))
    for _, function, node, name, kind in sorted(found, key=lambda f: -f[0])[:3]:
        yield Candidate(
            f"Keep {tree.of(name)} in a map instead of on the stack",
            "All frames of a call chain have 512 bytes of stack together; a per-CPU array has room for large buffers.",
            tuple(_moved(scene, function, node, name, kind)),
        )


def _constant(scene: Scene, text: str) -> int | None:
    from vm.repair.bounds import constant

    return constant(scene.tree, text)


def _moved(scene: Scene, function: Node, node: Node, name: Node, kind: str) -> list[Edit]:
    tree = scene.tree
    text = tree.of(name)
    map_name, key, area = (fresh(scene, f"{text}_{word}") for word in ("heap", "key", "area"))
    base, brackets = kind.split("[", 1)
    definition = (
        "struct {\n"
        f"{tree.step}__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);\n{tree.step}__uint(max_entries, 1);\n"
        f"{tree.step}__type(key, unsigned int);\n{tree.step}__type(value, {base.strip()}[{brackets});\n"
        f'}} {map_name} SEC(".maps");\n\n'
    )
    section = max((s.start for s in tree.text.sections if s.end <= function.start_byte
                   and not tree.source[s.end : function.start_byte].strip('") \n\t')), default=-1)  # fmt: skip
    at = tree.source.rfind("\n", 0, section if section >= 0 else function.start_byte) + 1
    initial = node.child_by_field_name("declarator")
    leave = neutral(scene, function)[0]
    lines = [
        f"unsigned int {key} = 0;",
        f"{base.strip()} (*{area})[{brackets} = bpf_map_lookup_elem(&{map_name}, &{key});",
        f"if (!{area})",
        f"{tree.step}{leave}",
    ]
    if initial is not None and initial.type == "init_declarator":
        lines.append(f"__builtin_memset({area}, 0, sizeof(*{area}));")
    indent = tree.indent(node)
    edits = [tree.edit(at, at, definition), replaced(tree, node, f"\n{indent}".join(lines))]
    for use in tree.find(function, "identifier"):
        if tree.of(use) == text and not node.start_byte <= use.start_byte < node.end_byte:
            edits.append(replaced(tree, use, f"(*{area})"))
    return edits


__all__ = [
    "after", "argument", "exits", "licence", "off_the_stack", "other_helper", "other_map", "other_section",
    "reserved_size", "sleepable", "static_function", "writable",
]  # fmt: skip
