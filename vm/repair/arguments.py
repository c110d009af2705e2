"""What a call is given: another helper, map or pointer, or memory of another size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.repair.candidate import Candidate, before, replaced
from vm.repair.cview import arguments, assigned, call_at, called, fresh, stripped, type_of
from vm.repair.scene import Scene

if TYPE_CHECKING:
    pass


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
