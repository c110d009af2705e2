"""BTF types as C declarations with offsets and sizes in comments, in the manner of pahole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.btf.cdump import declaration
from vm.btf.types import COMPOSITES, Btf, Kind, Type
from vm.contents.model import TypeRow
from vm.errors import InputError

MAX_ROWS: Final = 256
"""Members or enumerators of one type that are shown."""
MAX_NAME: Final = 256
_MAX_DEPTH: Final = 8
_COLUMN: Final = 40
_WORDS: Final = {
    Kind.STRUCT: "struct",
    Kind.UNION: "union",
    Kind.ENUM: "enum",
    Kind.ENUM64: "enum",
    Kind.TYPEDEF: "typedef",
    Kind.FUNC: "function",
}


def type_rows(btf: Btf) -> Iterator[TypeRow]:
    """The named structs, unions, enums, typedefs and functions of a BTF, in its order.

    A type whose layout cannot be determined is left out: the loader says what is wrong with it.
    """
    for found in btf.of_kind(*_WORDS):
        if not found.name:
            continue
        try:
            yield _row(btf, found)
        except InputError:
            continue


def _row(btf: Btf, found: Type) -> TypeRow:
    word = _WORDS[found.kind]
    if found.kind is Kind.FUNC:
        return TypeRow(found.name, word, None, _prototype(btf, found))
    size = btf.size_of(found.id)
    if found.kind is Kind.TYPEDEF:
        return TypeRow(found.name, word, size, f"typedef {_declared(btf, found.type_id, found.name)};")
    if found.kind in COMPOSITES:
        lines = [f"{word} {found.name} {{", *_members(btf, found, 0, 1), f"}}; /* size: {size} */"]
    else:
        lines = [f"{word} {found.name} {{", *_enumerators(found), f"}}; /* size: {size} */"]
    return TypeRow(found.name, word, size, "\n".join(lines))


def _prototype(btf: Btf, function: Type) -> str:
    """A function's declaration with the names of its parameters, which C's own declarations leave out."""
    proto = btf.type(function.type_id)
    if proto.kind is not Kind.FUNC_PROTO:
        raise InputError("The BTF has a function without a prototype.")
    last = len(proto.params) - 1
    params = [
        "..." if n == last and not param.type_id else _declared(btf, param.type_id, param.name)
        for n, param in enumerate(proto.params)
    ]
    return _declared(btf, proto.type_id, f"{function.name[:MAX_NAME]}({', '.join(params) or 'void'})") + ";"


def _declared(btf: Btf, type_id: int, name: str) -> str:
    return declaration(btf, type_id, name[:MAX_NAME])


def _members(btf: Btf, owner: Type, base: int, depth: int) -> Iterator[str]:
    """Lines for the members of a struct or union that begins at bit `base` of the outermost one."""
    indent = "    " * depth
    for member in owner.members[:MAX_ROWS]:
        bits = base + member.bit_off
        inner = btf.type(member.type_id)
        if inner.kind in COMPOSITES and not inner.name and depth < _MAX_DEPTH:
            yield f"{indent}{_WORDS[inner.kind]} {{"
            yield from _members(btf, inner, bits, depth + 1)
            yield _commented(f"{indent}}} {member.name};" if member.name else f"{indent}}};", bits, 0, inner.size)
            continue
        text = f"{indent}{_declared(btf, member.type_id, member.name)}"
        text += f" : {member.bits};" if member.bits else ";"
        yield _commented(text, bits, member.bits, btf.size_of(member.type_id))
    if len(owner.members) > MAX_ROWS:
        yield f"{indent}/* {len(owner.members) - MAX_ROWS} more members */"


def _commented(text: str, bit_off: int, bits: int, size: int) -> str:
    where = f"{bit_off // 8}:{bit_off % 8}" if bits else f"{bit_off // 8}"
    return f"{text:<{_COLUMN}} /* {where:>5} {size:>5} */"


def _enumerators(found: Type) -> Iterator[str]:
    for each in found.enumerators[:MAX_ROWS]:
        yield f"    {each.name[:MAX_NAME]} = {each.value},"
    if len(found.enumerators) > MAX_ROWS:
        yield f"    /* {len(found.enumerators) - MAX_ROWS} more */"
