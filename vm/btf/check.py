"""Whether BTF that a user sent is sound: references, names, cycles, sizes (btf_check_all_metas and resolve)."""

from __future__ import annotations

from vm.btf.types import EXTERN, MAX_USER_BTF, MAX_USER_TYPES, MODIFIERS, Btf, Kind, Type, bad

# What a value of a type needs the size of. Pointers and functions end the walk.
_CONTAINS = MODIFIERS | {Kind.ARRAY, Kind.VAR}
_HOLDS = _CONTAINS | {Kind.STRUCT, Kind.UNION, Kind.DATASEC}

_MOST_BYTES = 0xFFFFFFFF  # what sizes of types are counted in has 32 bits


def from_untrusted(data: bytes) -> Btf:
    """Parse and check BTF that a user sent; InputError says what is wrong."""
    if len(data) > MAX_USER_BTF:
        raise bad(f"it has {len(data)} bytes; at most {MAX_USER_BTF} are read")
    btf = Btf(data)
    check(btf)
    return btf


def check(btf: Btf) -> None:
    """InputError unless every type reads well, refers to types there are, and has a size that ends."""
    if len(btf) > MAX_USER_TYPES:
        raise bad(f"it has {len(btf)} types; at most {MAX_USER_TYPES} are read")
    count = len(btf)
    for found in btf:
        for ref in _references(found):
            if ref >= count:
                raise bad(f"type {found.id} refers to type {ref}, and there are {count}")
    _check_cycles(btf)
    for found in btf:
        if found.kind is Kind.ARRAY:
            btf.size_of(found.id)


def _references(found: Type) -> tuple[int, ...]:
    kind = found.kind
    if kind in (Kind.STRUCT, Kind.UNION):
        return tuple(m.type_id for m in found.members)
    if kind is Kind.DATASEC:
        return tuple(v.type_id for v in found.variables)
    if kind is Kind.FUNC_PROTO:
        return (found.type_id, *(p.type_id for p in found.params))
    if kind is Kind.ARRAY:
        return (found.type_id, found.index_type)
    return (found.type_id,) if found.type_id else ()


def _inside(found: Type) -> tuple[int, ...]:
    """Types a value of this type holds."""
    if found.kind in (Kind.STRUCT, Kind.UNION):
        return tuple(m.type_id for m in found.members)
    if found.kind is Kind.DATASEC:
        return tuple(v.type_id for v in found.variables)
    return (found.type_id,) if found.kind in _CONTAINS else ()


def _check_cycles(btf: Btf) -> None:
    done = bytearray(len(btf))  # 1: on the way down, 2: finished
    for start in range(1, len(btf)):
        first = btf.type(start)
        if done[start] or first.kind not in _HOLDS:
            continue
        stack = [(start, iter(_inside(first)))]
        done[start] = 1
        while stack:
            type_id, rest = stack[-1]
            inner = next(rest, None)
            if inner is None:
                done[type_id] = 2
                stack.pop()
            elif done[inner] == 1:
                raise bad(f"type {inner} contains itself")
            elif not done[inner]:
                done[inner] = 1
                stack.append((inner, iter(_inside(btf.type(inner)))))


def kernel_accepts(btf: Btf) -> bool:
    """Whether the kernel would take it: functions name their parameters (btf_func_check()), no array is too long.

    An array has less than 4 GiB (btf_array_resolve()); one is what a number in a map's definition is written as.
    libbpf names the parameters of external functions itself; where the kernel refuses, it loads programs without BTF.
    """
    for found in btf:
        if found.kind is Kind.ARRAY and found.nelems * btf.size_of(found.type_id) > _MOST_BYTES:
            return False
        if found.kind is not Kind.FUNC or found.linkage == EXTERN:
            continue
        if any(not p.name and p.type_id for p in btf.type(found.type_id).params):
            return False
    return True
