"""The program as a whole: license, section, helpers and maps, linkage, stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.fixes import license_fix, section_fix
from vm.elf.guess import context_of, contexts
from vm.isa import opcodes as o
from vm.repair.candidate import Candidate, deleted, replaced
from vm.repair.cview import call_at
from vm.repair.scene import Scene

if TYPE_CHECKING:
    from tree_sitter import Node

# Sections whose programs have the struct as their context, the usual one first.
_SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "__sk_buff": ("tc", "cgroup_skb/egress", "socket"),
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


_RESULTS: Final = {
    "tc": " What they return is an action: 0 (TC_ACT_OK) lets the packet pass, 2 (TC_ACT_SHOT) drops it.",
    "cgroup_skb/egress": " They return 1 to let the packet pass and 0 to drop it.",
    "socket": " They return how many bytes of the packet are kept, 0 to drop it.",
}
"""What the results of the same function mean then."""


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
            meaning = _RESULTS.get(new, "")
            yield Candidate(
                fix.title, f"Programs of that type take a struct {context} and may do what this one does.{meaning}",
                fix.edits,
            )  # fmt: skip


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


def as_fexit(scene: Scene) -> Iterator[Candidate]:
    """SEC("fentry/f") as SEC("fexit/f"), whose arguments are those of the function and its result."""
    name, section = scene.program.name, scene.program.section
    kind, slash, function = section.partition("/")
    if not slash or kind not in ("fentry", "fentry.s"):
        return
    fix = section_fix(scene.tree.text, name, section, f"{kind.replace('fentry', 'fexit')}/{function}")
    if fix is not None:
        yield Candidate(
            "Make it an fexit program",
            f"{function}() has fewer parameters. What comes after them is its result: an fexit program is given that.",
            fix.edits,
        )


_SLICE: Final = "bpf_dynptr_slice"
_WRITES: Final = (
    "extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 buffer__szk) "
    "__ksym;"
)


def writable_slice(scene: Scene) -> Iterator[Candidate]:
    """bpf_dynptr_slice_rdwr() for bpf_dynptr_slice(), where the program writes what it returned."""
    tree = scene.tree
    cause = next(scene.causes("call"), None)
    call = call_at(scene, cause.insn_idx, _SLICE) if cause is not None else None
    function = call.child_by_field_name("function") if call is not None else None
    if function is None or tree.of(function) != _SLICE:
        return
    edits = [replaced(tree, function, f"{_SLICE}_rdwr")]
    if not re.search(rf"\b{_SLICE}_rdwr\b", tree.text.code) and "bpf_kfuncs.h" not in tree.source:
        at = max((include.end for include in tree.text.includes), default=0)
        edits.append(tree.edit(at, at, f"\n\n{_WRITES}"))
    yield Candidate(
        f"Take the bytes with {_SLICE}_rdwr()",
        f"What {_SLICE}() returns may only be read. Where the packet's bytes were copied to the buffer, "
        "bpf_dynptr_write() has to write them back.",
        tuple(edits),
    )


def not_sleepable(scene: Scene) -> Iterator[Candidate]:
    """The section of a program that does not sleep, for a hook that does not let it."""
    section = scene.program.section
    kind, slash, rest = section.partition("/")
    if not kind.endswith(".s") or not slash:
        return
    fix = section_fix(scene.tree.text, scene.program.name, section, f"{kind.removesuffix('.s')}/{rest}")
    if fix is not None:
        yield Candidate(fix.title, "At this hook the kernel does not let a program sleep.", fix.edits)


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


def read_only(scene: Scene) -> Iterator[Candidate]:
    """An assignment to what may only be read, left out: nothing the program could do instead is known."""
    tree, statement = scene.tree, scene.statement
    if scene.insn.code & 0x07 not in (o.ST, o.STX) or statement is None or statement.type != "expression_statement":
        return
    inner = statement.named_children[0] if statement.named_children else None
    left = inner.child_by_field_name("left") if inner is not None and inner.type == "assignment_expression" else None
    if left is None or not _has_another_effect(scene, statement):
        return
    yield Candidate(
        f"Leave out the assignment to {tree.of(left)}", "This memory may be read, but not written.",
        (deleted(tree, statement),), last=True,
    )  # fmt: skip


def _has_another_effect(scene: Scene, statement: Node) -> bool:
    """Whether the function decides or does anything beside a statement: without that it would be pointless."""
    tree, function = scene.tree, scene.function
    if function is None:
        return False
    if len({" ".join(tree.of(node).split()) for node in tree.find(function, "return_statement")}) > 1:
        return True
    for node in tree.find(function, "assignment_expression", "update_expression", "call_expression"):
        if statement.start_byte <= node.start_byte < statement.end_byte:
            continue
        target = node.child_by_field_name("left") or node.child_by_field_name("argument")
        if node.type == "call_expression" or (target is not None and target.type != "identifier"):
            return True
    return False


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
