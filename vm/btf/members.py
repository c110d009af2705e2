"""The member of a type at an offset, as C writes the way to it: `__sk_common.skc_dport`, `argv[2]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vm.btf.types import Btf, Kind, Member
from vm.errors import InputError

MAX_VISITS: Final = 500
"""Types that are looked at for one path: unions within unions have many."""
_STRUCTS: Final = (Kind.STRUCT, Kind.UNION)


def member_path(btf: Btf, type_id: int, offset: int, size: int) -> str:
    """The path of the innermost member that holds the bytes [offset, offset + size) of a type; "" if there is none.

    offset, size -- bytes. Of the members of a union it is the one whose innermost member is the smallest, the first of
    them that are equal. A member without a name is no part of the path.
    """
    try:
        return _path(btf, type_id, offset, size, iter(range(MAX_VISITS))).path.removeprefix(".")
    except InputError:
        return ""


def member_type(btf: Btf, type_id: int, offset: int, size: int) -> int:
    """The type of the member that is these bytes; 0 if they are none, or only a part of one."""
    try:
        found = _path(btf, type_id, offset, size, iter(range(MAX_VISITS)))
    except InputError:
        return 0
    return found.type_id if found.path and found.size == size else 0


class _Found(NamedTuple):
    """The end of a path, and the size of its type."""

    path: str
    size: int
    type_id: int


def _path(btf: Btf, type_id: int, offset: int, size: int, visits: Iterator[int]) -> _Found:
    """The path to the innermost member. visits -- types that may still be looked at"""
    if next(visits, None) is None:
        raise InputError("The type has too many members.")
    found = btf.skip_modifiers(type_id)
    if found.kind in _STRUCTS:
        held = [
            (f".{member.name}" if member.name else "", _path(btf, member.type_id, offset - start, size, visits))
            for member, start in _holding(btf, found.members, offset, size)
        ]
        if held:
            name, inner = min(held, key=lambda each: each[1].size)
            return inner._replace(path=name + inner.path)
    elif found.kind is Kind.DATASEC:
        for variable in found.variables:
            if variable.offset <= offset and offset + size <= variable.offset + variable.size:
                held_by = btf.type(variable.type_id)
                inner = _path(btf, held_by.type_id, offset - variable.offset, size, visits)
                return inner._replace(path=f".{held_by.name}{inner.path}")
    elif found.kind is Kind.ARRAY and found.nelems:
        width = btf.size_of(found.type_id)
        number, inside = divmod(offset, width or 1)
        if width and number < found.nelems and inside + size <= width:
            inner = _path(btf, found.type_id, inside, size, visits)
            return inner._replace(path=f"[{number}]{inner.path}")
    return _Found("", btf.size_of(type_id), type_id)


def _holding(btf: Btf, members: Sequence[Member], offset: int, size: int) -> Iterator[tuple[Member, int]]:
    """The members that hold some bytes, each with its offset."""
    for member in members:
        start = member.bit_off // 8
        width = (member.bits + member.bit_off % 8 + 7) // 8 if member.bits else btf.size_of(member.type_id)
        if start <= offset and offset + size <= start + width:
            yield member, start
