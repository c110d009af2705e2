"""Global variables of a program by name: what a section's bytes hold, through its BTF (BTF_KIND_DATASEC)."""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.btf.cdump import type_text
from vm.btf.format import format_value
from vm.btf.types import MAX_DEPTH, MODIFIERS, Btf, Kind
from vm.errors import InputError

MAX_VARIABLES: Final = 256
MAX_NODES: Final = 64
MAX_TEXT: Final = 1000
MAX_NAME: Final = 128

_UNNAMED: Final = {Kind.STRUCT: "struct {…}", Kind.UNION: "union {…}", Kind.ENUM: "enum {…}", Kind.ENUM64: "enum {…}"}


class Variable(NamedTuple):
    """offset, size -- bytes, of the section; type, value -- C text, cut at MAX_NAME and MAX_TEXT characters."""

    name: str
    type: str
    offset: int
    size: int
    value: str


def variables(btf: Btf | None, type_id: int, data: bytes) -> tuple[Variable, ...]:
    """The variables of a .data, .bss, .rodata or .kconfig section, in the order of its BTF; the first MAX_VARIABLES.

    () if type `type_id` is no section, or without BTF. A variable the bytes do not reach has the value "?"; one whose
    type cannot be shown is left out.
    """
    section = btf.type(type_id) if btf is not None and 0 < type_id < len(btf) else None
    if btf is None or section is None or section.kind is not Kind.DATASEC:
        return ()
    found = []
    for info in section.variables[:MAX_VARIABLES]:
        try:
            variable = btf.type(info.type_id)
            inside = data[info.offset : info.offset + info.size]
            value = format_value(btf, info.type_id, inside, MAX_NODES)
            text = _type_text(btf, variable.type_id)
        except InputError:
            continue
        found.append(Variable(_cut(variable.name, MAX_NAME), text, info.offset, info.size, _cut(value, MAX_TEXT)))
    return tuple(found)


def _type_text(btf: Btf, type_id: int) -> str:
    """The type as C spells it; what has no name is not spelled out."""
    found, stars, lengths = btf.type(type_id), "", ""
    for _ in range(MAX_DEPTH):
        if found.kind is Kind.PTR:
            stars += "*"
        elif found.kind is Kind.ARRAY:
            lengths += f"[{found.nelems}]"
        elif found.kind not in MODIFIERS or found.kind is Kind.TYPEDEF:
            break
        found = btf.type(found.type_id)
    if found.kind is Kind.FUNC_PROTO:
        return "function " + stars + lengths
    if not found.name and found.kind in _UNNAMED:
        return " ".join(filter(None, (_UNNAMED[found.kind], stars + lengths)))
    return _cut(type_text(btf, type_id), MAX_NAME)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
