"""The whole reference as one JSON value for the page: explanations, prototypes, and who may call what."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from vm.btf.cdump import declaration
from vm.explain.program_types import type_name, types_with
from vm.kernel import btf
from vm.kernel.helpers import all_helpers, program_types
from vm.kernel.hooks import kfunc, kfunc_sets
from vm.kernel.kfuncs import KF_ACQUIRE, KF_DESTRUCTIVE, KF_RELEASE, KF_RET_NULL, KF_SLEEPABLE, kfunc_flags
from vm.kernel.types import (
    BPF_MODIFY_RETURN,
    BPF_PROG_TYPE_KPROBE,
    BPF_PROG_TYPE_TRACING,
    BPF_TRACE_FENTRY,
    BPF_TRACE_FEXIT,
    BPF_TRACE_ITER,
    BPF_TRACE_KPROBE_SESSION,
    BPF_TRACE_RAW_TP,
)
from vm.reference.opcodes import explanation
from vm.reference.texts import texts

_EVERY: Final = "every program type"
_FLAGS: Final = {
    KF_ACQUIRE: "returns a reference, which has to be released",
    KF_RELEASE: "releases a reference",
    KF_RET_NULL: "may return NULL",
    KF_SLEEPABLE: "for sleepable programs only",
    KF_DESTRUCTIVE: "needs CAP_SYS_BOOT",
}
_TRACING: Final = (BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_MODIFY_RETURN, BPF_TRACE_RAW_TP, BPF_TRACE_ITER)
_KPROBE: Final = (0, BPF_TRACE_KPROBE_SESSION)
_ATTACHES: Final = {BPF_PROG_TYPE_TRACING: _TRACING, BPF_PROG_TYPE_KPROBE: _KPROBE}
# The variants of an opcode that its byte does not tell: (source register, offset).
_VARIANTS: Final = ((0, 0), (1, 0), (2, 0), (0, 1), (0, 8))


def catalogue() -> dict[str, Any]:
    """{"words": {…}, "opcodes": {"61": {"0,0": name}}, "insns": {name: text}, "phrases": {phrase: text}}.

    words -- helpers, kfuncs, register types, fields of the log and flags by the word that is pointed at: {title, text},
             of functions also callers, and of kfuncs prototype and notes
    opcodes -- opcode byte in hex -> "source register,offset" of the variants -> name in insns; "0,0" stands for
               all others
    """
    words: dict[str, dict[str, Any]] = {}
    for part, title in (("fields", "field of the log"), ("registers", "register type"), ("flags", "flag")):
        for name, text in texts(part).items():
            words[name] = {"title": f"{name}: {title}", "text": text}
    for helper in all_helpers():
        words[helper.name] = {
            "title": f"{helper.name}: helper {helper.id}",
            "text": texts("helpers")[helper.name],
            "callers": helper_callers(helper.id),
        }
    for name in sorted({each for group in kfunc_sets() for each in group.kfuncs if kfunc_callers(each)}):
        words[name] = {
            "title": f"{name}: kernel function (kfunc)",
            "text": texts("kfuncs")[name],
            "prototype": kfunc_prototype(name),
            "callers": kfunc_callers(name),
            "notes": kfunc_notes(name),
        }
    return {"words": words, "insns": texts("instructions"), "opcodes": opcodes(), "phrases": texts("phrases")}


@cache
def _with_helpers() -> frozenset[int]:
    """Program types that may call any helper: some types of the UAPI are not built into the kernel."""
    return frozenset(each for helper in all_helpers() for each in types_with(helper.id))


def helper_callers(func_id: int) -> list[str]:
    """Names of the program types that may call a helper, at one of their hooks at least."""
    found = types_with(func_id)
    return [_EVERY] if _with_helpers() <= set(found) else [type_name(each) for each in found]


def kfunc_callers(name: str) -> list[str]:
    """Names of the program types that may call a kfunc; of tracing programs by attach type where that matters."""
    out: list[str] = []
    allowed = 0
    types = sorted(program_types())
    for prog_type in types:
        attaches = _ATTACHES.get(prog_type, (0,))
        found = [each for each in attaches if kfunc_flags(name, prog_type, each) is not None]
        allowed += bool(found)
        if len(found) == len(attaches):
            out.append(type_name(prog_type))
        else:
            out += [type_name(prog_type, each) if each in _TRACING else "kprobe session" for each in found]
    return [_EVERY] if allowed == len(types) else out


def kfunc_notes(name: str) -> list[str]:
    """What a kfunc's flags say."""
    known = kfunc(name)
    return [text for flag, text in _FLAGS.items() if known is not None and known.flags & flag]


def kfunc_prototype(name: str) -> str:
    """A kfunc's declaration in C; "" if the kernel's BTF has none."""
    known, types = kfunc(name), btf.kernel_btf()
    if known is None:
        return ""
    function = types.type(known.id)
    proto = types.type(function.type_id)
    params = ", ".join(declaration(types, each.type_id, each.name) for each in proto.params) or "void"
    return declaration(types, proto.type_id, f"{name}({params})")


def opcodes() -> dict[str, dict[str, str]]:
    """The explanation of each opcode byte, and of its variants where they have others."""
    out: dict[str, dict[str, str]] = {}
    for code in range(256):
        variants = {f"{src},{off}": explanation(code, src, off) for src, off in _VARIANTS}
        usual = variants["0,0"]
        kept = {key: name for key, name in variants.items() if name and (key == "0,0" or name != usual)}
        if kept:
            out[f"{code:02x}"] = kept
    return out
