"""vmlinux.h for a source: the kernel's types that the source can reach, printed from the kernel's own BTF.

All of them would cost clang more than half a second and the object 770 kB. What a source can reach are the types
it names, what these hold, and what members it names point at.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from vm.csource.text import CText, blank

if TYPE_CHECKING:
    from vm.btf.types import Btf, Type

_TAGGED: Final = re.compile(r"\b(struct|union|enum)\s+([A-Za-z_]\w*)")
_WORD: Final = re.compile(r"\b[A-Za-z_]\w*")
_EXTERN: Final = re.compile(r"\bextern\b[^;{}]{0,1000}")
_CALLED: Final = re.compile(r"\b(\w+)\s*\(")
_FOR_EACH: Final = re.compile(r"\bbpf_for_each\s*\(\s*(\w+)")
# Macros of <bpf/bpf_helpers.h> -> the iterator that they name.
_LOOPS: Final = {"bpf_for": "num", "bpf_repeat": "num"}

# Types that BPF headers and nearly every source use.
_ALWAYS: Final = frozenset(
    f"{prefix}{sign}{bits}" for prefix in ("", "__") for sign in "us" for bits in (8, 16, 32, 64)
) | {"__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "__wsum", "__sum16", "bool", "size_t", "pid_t"}


def vmlinux_for(source: str) -> bytes:
    """The header's text; only a guard where the source does not include it."""
    text = CText(source)
    if not any(include.name.rpartition("/")[2] == "vmlinux.h" for include in text.includes):
        return b"#pragma once\n"
    bare = blank(source, strings=False)
    tagged = {(word, tag) for word, tag in _TAGGED.findall(bare)}
    words = set(_WORD.findall(bare))
    # What the loop macros expand to.
    for iterator in {*_FOR_EACH.findall(bare), *(_LOOPS[word] for word in words & set(_LOOPS))}:
        tagged.add(("struct", f"bpf_iter_{iterator}"))
        words |= {f"bpf_iter_{iterator}_{what}" for what in ("new", "next", "destroy")}
    declared = {name for found in _EXTERN.findall(bare) for name in _CALLED.findall(found)}
    return _header(frozenset(tagged), frozenset(words), frozenset(declared & words))


@lru_cache(maxsize=4)  # a key is every word of a source, a value may be megabytes
def _header(tagged: frozenset[tuple[str, str]], words: frozenset[str], declared: frozenset[str]) -> bytes:
    """declared -- functions that the source declares itself, perhaps otherwise than the kernel's BTF"""
    from vm.btf.cdump import c_header
    from vm.kernel.btf import kernel_btf
    from vm.kernel.hooks import kfunc

    btf = kernel_btf()
    kfuncs = [known.id for word in sorted(words - declared) if (known := kfunc(word)) is not None]
    enums = [btf.type(type_id) for type_id in sorted({_enums_of()[word] for word in words if word in _enums_of()})]
    roots = _roots(btf, tagged, words) + [enum.id for enum in enums if enum.name] + _returned(btf, kfuncs)
    nameless = "".join(_enum_text(enum) for enum in enums if not enum.name)
    return ("#pragma once\n" + nameless + c_header(btf, dict.fromkeys(roots), words.__contains__, kfuncs)).encode()


def _returned(btf: Btf, functions: list[int]) -> list[int]:
    """The structs that pointers which functions return point at: their members are likely to be read."""
    from vm.btf.types import COMPOSITES, Kind

    out = []
    for function in functions:
        result = btf.skip_modifiers(btf.type(btf.type(function).type_id).type_id)
        if result.kind is Kind.PTR:
            pointee = btf.skip_modifiers(result.type_id)
            if pointee.kind in COMPOSITES:
                out.append(pointee.id)
    return out


def _roots(btf: Btf, tagged: frozenset[tuple[str, str]], words: frozenset[str]) -> list[int]:
    """Ids of the types that the source names, in a fixed order."""
    from vm.btf.types import Kind
    from vm.kernel.helpers import helper_by_name

    kinds = {"struct": (Kind.STRUCT,), "union": (Kind.UNION,), "enum": (Kind.ENUM, Kind.ENUM64)}
    returned = {
        ("struct", tag)
        for word in words
        if word.startswith("bpf_") and (helper := helper_by_name(word)) is not None
        for tag in re.findall(r"struct (\w+)", helper.ret)
    }
    found = [btf.find(tag, *kinds[word]) for word, tag in sorted(tagged | returned | {("struct", "pt_regs")})]
    found += [btf.find(word, Kind.TYPEDEF) for word in sorted(words | _ALWAYS)]
    return [one.id for one in found if one is not None]


def _enum_text(enum: Type) -> str:
    """An enum without a name: it is there for its enumerators only."""
    return "enum {\n" + "".join(f"\t{e.name} = {e.value},\n" for e in enum.enumerators) + "};\n"


@cache
def _enums_of() -> dict[str, int]:
    """Enumerator -> id of the first enum that has it."""
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    found: dict[str, int] = {}
    for enum in kernel_btf().of_kind(Kind.ENUM, Kind.ENUM64):
        for enumerator in enum.enumerators:
            found.setdefault(enumerator.name, enum.id)
    return found
