"""Finds the field at an offset of a type (btf_struct_walk, btf_struct_access, btf_struct_ids_match)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import COMPOSITES, MAX_DEPTH, MODIFIERS, Btf, Kind, Member, Type
from vm.kernel.types import WALK_PTR, WALK_SCALAR, WALK_STRUCT
from vm.namedtuples import NamedTuple
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.rules.fields import (
    FIELD_WITHOUT_SIZE,
    STRUCT_ACCESS_BEYOND_END,
    STRUCT_ACCESS_BEYOND_MEMBER,
    STRUCT_POINTER_MEMBER_WIDTH,
    STRUCT_WITHOUT_FIELD,
    WALK_NOT_A_STRUCT,
)
from vm.verifier.state import reg_types as t

# For importing modules.
__all__ = ["WALK_SCALAR"]

_TAG_FLAGS: Final = {"user": t.MEM_USER, "percpu": t.MEM_PERCPU, "rcu": t.MEM_RCU}
_SIZED: Final = frozenset({Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT})


class Found(NamedTuple):
    """The field at an offset: a number, a pointer to struct `type_id`, or the start of struct `type_id`."""

    what: int
    type_id: int = 0
    flag: int = 0
    field_name: str = ""


class _Field(NamedTuple):
    """A member's type: `elem` its (innermost) element, `size` of all of them."""

    elem: Type
    size: int
    nelems: int
    is_array: bool


def _resolve(btf: Btf, type_id: int) -> _Field | None:
    """__btf_resolve_size(): through modifiers and arrays; None if it has no size."""
    nelems = 1
    is_array = False
    found = btf.type(type_id)
    for _ in range(4 * MAX_DEPTH):
        if found.kind is Kind.ARRAY:
            is_array = True
            nelems *= found.nelems
        elif found.kind is Kind.PTR:
            return _Field(found, 8 * nelems, nelems, is_array)
        elif found.kind in _SIZED:
            return _Field(found, found.size * nelems, nelems, is_array)
        elif found.kind not in MODIFIERS:
            return None
        found = btf.type(found.type_id)
    return None


def _flex_elem(btf: Btf, owner: Type, off: int) -> tuple[Type, int] | None:
    """The element of a flexible array member behind the end of a struct, and its offset."""
    if not owner.members:
        return None
    last = owner.members[-1]
    array = btf.skip_modifiers(last.type_id)
    if array.kind is not Kind.ARRAY or array.nelems or off < last.bit_off // 8:
        return None
    elem = btf.skip_modifiers(array.type_id)
    if elem.kind is Kind.INT:
        return elem, 0
    if elem.kind not in COMPOSITES or not elem.size:
        return None
    return elem, (off - last.bit_off // 8) % elem.size


def _is_bitfield_read(member: Member, off: int, size: int) -> bool:
    end = -(-(member.bit_off + member.bits) // 8)
    return off <= member.bit_off // 8 and end <= off + size


def struct_walk(
    env: VerifierEnv, btf: Btf, type_id: int, off: int, size: int, walk_flex_arrays: bool, flag: int = 0
) -> Found:
    """btf_struct_walk(): rejects with the kernel's message if there is no field. `flag`: the flags so far."""
    owner = btf.skip_modifiers(type_id)
    while True:
        if owner.kind not in COMPOSITES:
            env.reject(WALK_NOT_A_STRUCT, name=owner.name or "(anon)")
        if owner.kind is Kind.UNION and len(owner.members) != 1:
            # It is not known which member of a union is valid.
            flag |= t.PTR_UNTRUSTED
        if off + size > owner.size:
            flex = _flex_elem(btf, owner, off) if walk_flex_arrays else None
            if flex is None:
                name = owner.name or "(anon)"
                env.reject(STRUCT_ACCESS_BEYOND_END, struct=name, off=off, size=size)
            if flex[0].kind is Kind.INT:
                return Found(WALK_SCALAR)
            owner, off = flex
            continue
        found = _member_at(env, btf, owner, off, size, flag)
        if found is None:
            env.reject(STRUCT_WITHOUT_FIELD, struct=owner.name or "(anon)", off=off)
        if isinstance(found, Found):
            return found
        owner, off = found


def _member_at(
    env: VerifierEnv, btf: Btf, owner: Type, off: int, size: int, flag: int
) -> Found | tuple[Type, int] | None:
    """The field at `off` of a struct, or the nested struct to continue in; None if there is none."""
    name = owner.name or "(anon)"
    for member in owner.members:
        moff = member.bit_off // 8
        if off + size <= moff:
            break
        if member.bits:
            if _is_bitfield_read(member, off, size):
                return Found(WALK_SCALAR)
            continue
        if off < moff:
            break
        field = _resolve(btf, member.type_id)
        mname = member.name or "(anon)"
        if field is None:
            env.reject(FIELD_WITHOUT_SIZE, member=mname)
        end = moff + field.size
        if off >= end:
            continue
        msize = field.size
        if field.is_array:
            msize //= field.nelems
            moff += (off - moff) // msize * msize
        if field.elem.kind in COMPOSITES:
            if off == moff:
                return Found(WALK_STRUCT, field.elem.id, flag)
            return field.elem, off - moff
        if field.elem.kind is Kind.PTR:
            pointed = _pointer_field(env, btf, field.elem, mname, name, (moff, msize), (off, size), flag)
            if pointed is not None:
                return pointed
        if off + size > end and not flag & t.PTR_UNTRUSTED:
            env.reject(STRUCT_ACCESS_BEYOND_MEMBER, member=mname, end=end, struct=name, off=off, size=size)
        return Found(WALK_SCALAR)
    return None


def _pointer_field(
    env: VerifierEnv,
    btf: Btf,
    ptr: Type,
    mname: str,
    struct_name: str,
    place: tuple[int, int],
    access: tuple[int, int],
    flag: int,
) -> Found | None:
    """A pointer field that is read completely; None if it does not point to a struct, and is a number therefore."""
    if place != access:
        env.reject(
            STRUCT_POINTER_MEMBER_WIDTH, member=mname, place=place[0], struct=struct_name, off=access[0], size=access[1]
        )
    tag = btf.type(ptr.type_id)
    if tag.kind is Kind.TYPE_TAG:
        tag_flag = _TAG_FLAGS.get(tag.name, 0)
    else:
        tag_flag = 0
    target = btf.skip_modifiers(ptr.type_id)
    if target.kind not in COMPOSITES:
        return None
    return Found(WALK_PTR, target.id, flag | tag_flag, mname)


def struct_access(env: VerifierEnv, btf: Btf, type_id: int, off: int, size: int, is_alloc: bool) -> Found:
    """btf_struct_access(): the number or pointer at `off`, through nested structs. Flags are those of the last walk."""
    flag = 0
    while True:
        found = struct_walk(env, btf, type_id, off, size, not is_alloc, flag)
        flag = found.flag
        if found.what == WALK_PTR:
            return Found(WALK_SCALAR) if is_alloc else found
        if found.what == WALK_SCALAR:
            return found
        type_id, off = found.type_id, 0


def struct_ids_match(
    env: VerifierEnv, btf: Btf, type_id: int, off: int, need_btf: Btf, need_id: int, strict: bool, walk_flex: bool
) -> bool:
    """btf_struct_ids_match(): whether a struct is the required one, or has it as its first member at `off`."""
    if not off and btf is need_btf and type_id == need_id:
        return True
    if strict:
        return False
    while True:
        try:
            found = struct_walk(env, btf, type_id, off, 1, walk_flex)
        except Reject:
            return False
        if found.what != WALK_STRUCT:
            return False
        type_id, off = found.type_id, 0
        if btf is need_btf and type_id == need_id:
            return True


def nested_type_is_trusted(btf: Btf, owner_id: int, field_name: str, type_id: int, suffix: str) -> bool:
    """btf_nested_type_is_trusted(): whether struct <owner><suffix> has a field with that name and type."""
    owner = btf.type(owner_id)
    safe = btf.find(owner.name + suffix, owner.kind) if owner.name else None
    if safe is None:
        return False
    for member in safe.members:
        ptr = btf.type(member.type_id)
        if ptr.kind is Kind.PTR and member.name == field_name and btf.skip_modifiers(ptr.type_id).id == type_id:
            return True
    return False
