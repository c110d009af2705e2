"""The member of a type at an offset, as C writes the way to it: `__sk_common.skc_dport`, `argv[2]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vm.btf.types import MAX_DEPTH, Btf, Kind, Member
from vm.errors import InputError

_STRUCTS: Final = (Kind.STRUCT, Kind.UNION)


def member_path(btf: Btf, type_id: int, offset: int, size: int) -> str:
    """The path of the innermost member that holds the bytes [offset, offset + size) of a type; "" if there is none.

    offset, size -- bytes. Of the members of a union the first one that fits is taken. A member without a name is no
    part of the path.
    """
    parts: list[str] = []
    try:
        for _ in range(MAX_DEPTH):
            found = btf.skip_modifiers(type_id)
            if found.kind in _STRUCTS:
                held = _member(btf, found.members, offset, size)
                if held is None:
                    break
                name, type_id, offset = held
                parts += [f".{name}"] if name else []
            elif found.kind is Kind.ARRAY and found.nelems:
                width = btf.size_of(found.type_id)
                number, inside = divmod(offset, width or 1)
                if not width or number >= found.nelems or inside + size > width:
                    break
                parts.append(f"[{number}]")
                type_id, offset = found.type_id, inside
            else:
                break
    except InputError:
        return ""
    return "".join(parts).removeprefix(".")


def _member(btf: Btf, members: Sequence[Member], offset: int, size: int) -> tuple[str, int, int] | None:
    for member in members:
        start = member.bit_off // 8
        width = (member.bits + member.bit_off % 8 + 7) // 8 if member.bits else btf.size_of(member.type_id)
        if start <= offset and offset + size <= start + width:
            return member.name, member.type_id, offset - start
    return None
