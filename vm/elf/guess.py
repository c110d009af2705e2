"""What was probably meant by a section name that libbpf refuses.

libbpf 0.x took any name that began with one it knew ("xdp_drop"); libbpf 1.x wants exact names. The type of the
program's context argument says which program types are possible, and the name's nearness to a known one chooses.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from vm.btf.types import Btf, Kind
from vm.elf.sections import SECTION_DEFS, SectionDef, section_def
from vm.kernel import types as t

_NEAR: Final = 0.7
_MAX_NAME: Final = 256
# The section meant where several program types have the same context and the name says nothing.
_USUAL: Final = {
    "__sk_buff": "tc",
    "pt_regs": "kprobe",
    "bpf_sock": "cgroup/sock_create",
    "bpf_sock_addr": "cgroup/connect4",
    "bpf_raw_tracepoint_args": "raw_tp",
    "bpf_sockopt": "cgroup/getsockopt",
    "xdp_md": "xdp",
}
# Structs that the kernel makes one of for each tracepoint and iterator.
_FAMILIES: Final = (
    (re.compile(r"trace_event_raw_\w+|syscall_trace_(enter|exit)"), "tracepoint"),
    (re.compile(r"bpf_iter__(\w+)"), "iter"),
)
_SEPARATORS: Final = "/_-:. "
# What stands between a known name and the hook: "s/" of "kprobes/vfs_read".
_TAIL: Final = re.compile(rf"^[^{re.escape(_SEPARATORS)}]*[{re.escape(_SEPARATORS)}]*")


class Guess(NamedTuple):
    """section -- a name that libbpf takes; context -- the struct that the program's argument points at, or ""."""

    section: str
    definition: SectionDef
    context: str


@cache
def contexts() -> dict[int, str]:
    """Program type -> the struct programs of it call their context (struct bpf_ctx_convert of the kernel's BTF)."""
    from vm.kernel.btf import kernel_btf

    btf = kernel_btf()
    out = {}
    for member in btf.struct("bpf_ctx_convert").members:
        prog_type = getattr(t, member.name.removesuffix("_prog"), None)
        found = btf.skip_modifiers(member.type_id)
        if member.name.endswith("_prog") and prog_type is not None and found.kind is Kind.STRUCT:
            out[prog_type] = found.name
    return out


def context_of(btf: Btf | None, function: str) -> str:
    """Name of the struct that a function's first parameter points at; "" where it points at none."""
    func = btf.find(function, Kind.FUNC) if btf is not None else None
    if btf is None or func is None:
        return ""
    proto = btf.type(func.type_id)
    if proto.kind is not Kind.FUNC_PROTO or not proto.params:
        return ""
    pointer = btf.skip_modifiers(proto.params[0].type_id)
    if pointer.kind is not Kind.PTR:
        return ""
    pointee = btf.skip_modifiers(pointer.type_id)
    return pointee.name if pointee.kind in (Kind.STRUCT, Kind.FWD) else ""


def guess(section: str, context: str) -> Guess | None:
    """The section that was probably meant, None where nothing says so.

    section -- the name libbpf refuses, without a leading question mark
    context -- the result of context_of()
    """
    section = section[:_MAX_NAME]
    possible, usual = _possible(context)
    chosen = _begins_with(section, possible) or _near(section, possible)
    if chosen is not None:
        definition, rest = chosen
    else:
        fallback = section_def(usual) if usual else None
        if fallback is None:
            return None
        definition, rest = fallback, ""
    name = definition.name.removesuffix("+")
    found = re.fullmatch(r"bpf_iter__(\w+)", context)
    if name == "iter" and found:
        rest = found[1]
    rest = rest.replace(":", "/")
    if definition.prog_type == t.BPF_PROG_TYPE_TRACEPOINT and "/" not in rest:
        rest = ""  # a tracepoint has a category and a name
    if definition.name.endswith("+") and rest:
        name += f"/{rest}"
    return Guess(name, definition, context)


def _possible(context: str) -> tuple[tuple[SectionDef, ...], str]:
    """The definitions whose programs get such a context, and the usual one's name."""
    for family, stem in _FAMILIES:
        if family.fullmatch(context):
            wanted = section_def(stem)
            kind, wanted_attach = (wanted.prog_type, wanted.attach_type) if wanted else (0, 0)
            return tuple(d for d in SECTION_DEFS if d.prog_type == kind and d.attach_type == wanted_attach), stem
    types = {prog_type for prog_type, name in contexts().items() if name == context}
    if not types:
        return tuple(SECTION_DEFS), ""
    possible = tuple(d for d in SECTION_DEFS if d.prog_type in types)
    return possible, _USUAL.get(context, _stem(possible[0]) if possible else "")


def _stem(definition: SectionDef) -> str:
    return definition.name.removesuffix("+")


def _plain(name: str) -> str:
    return re.sub(rf"[{re.escape(_SEPARATORS)}]+", "/", name.lower())


def _begins_with(section: str, possible: tuple[SectionDef, ...]) -> tuple[SectionDef, str] | None:
    """libbpf 0.x: the longest known name that the section begins with, and what follows it."""
    best: tuple[SectionDef, str] | None = None
    for definition in possible:
        stem = _stem(definition)
        if _plain(section).startswith(_plain(stem)) and (best is None or len(stem) > len(_stem(best[0]))):
            best = definition, _TAIL.sub("", section[len(stem) :])
    return best


def _near(section: str, possible: tuple[SectionDef, ...]) -> tuple[SectionDef, str] | None:
    """The known name that is spelled most like the section's, or like what stands before its first slash."""
    from difflib import SequenceMatcher

    head, slash, rest = section.partition("/")
    best: tuple[float, SectionDef, str] | None = None
    for text, tail in ((section, ""), (head, rest)):
        for definition in possible:
            matcher = SequenceMatcher(None, _plain(text), _plain(_stem(definition)), autojunk=False)
            if matcher.real_quick_ratio() < _NEAR:
                continue
            ratio = matcher.ratio()
            if ratio >= _NEAR and (best is None or ratio > best[0]):
                best = ratio, definition, tail if slash else ""
    return best[1:] if best else None
