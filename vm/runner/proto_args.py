"""Which memory a helper touches, told by its prototype: pointer arguments with their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from vm.bits import U32, U64
from vm.kernel import types as k
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper_by_name
from vm.kernel.types import MEM_FIXED_SIZE, MEM_UNINIT, MEM_WRITE, PTR_MAYBE_NULL

BASE: Final = 0xFF
SIZES: Final = (k.ARG_CONST_SIZE, k.ARG_CONST_SIZE_OR_ZERO)
_NARROW: Final = frozenset({"__u32", "u32", "int", "__s32", "unsigned int"})
_MAP_KEY_SIZE, _MAP_VALUE_SIZE = -1, -2


class Shape(NamedTuple):
    """A pointer argument.

    size_reg -- register of its size, 0 where `size` is it (or stands for one of a map's sizes)
    nullable -- NULL is for the helper to notice
    narrow   -- the size is a C type of 32 bits
    """

    regno: int
    size_reg: int
    size: int
    read: bool
    write: bool
    nullable: bool
    narrow: bool


class MemoryArgument(NamedTuple):
    """A pointer argument of one call: what the helper touches there."""

    regno: int
    address: int
    size: int
    read: bool
    write: bool
    nullable: bool


@cache
def shapes(name: str, arg_types: tuple[int, ...], arg_sizes: tuple[int, ...]) -> tuple[Shape, ...]:
    """The pointer arguments of a prototype. name: without bpf_, for the C types of sizes."""
    known = helper_by_name(name)
    params = known.params if known is not None else ()
    found = []
    for i, arg in enumerate(arg_types):
        base = arg & BASE
        size_reg, size, narrow = 0, 0, False
        if base == k.ARG_PTR_TO_MAP_KEY:
            size = _MAP_KEY_SIZE
        elif base == k.ARG_PTR_TO_MAP_VALUE:
            size = _MAP_VALUE_SIZE
        elif base == k.ARG_PTR_TO_MEM and arg & MEM_FIXED_SIZE:
            size = arg_sizes[i] if i < len(arg_sizes) else 0
        elif base == k.ARG_PTR_TO_MEM and i + 1 < len(arg_types) and arg_types[i + 1] & BASE in SIZES:
            size_reg = i + 2
            narrow = i + 1 < len(params) and params[i + 1].type in _NARROW
        else:
            continue
        write = bool(arg & (MEM_UNINIT | MEM_WRITE))
        read = not arg & MEM_UNINIT
        # With a size of its own, NULL is for a size of 0 only.
        nullable = bool(arg & PTR_MAYBE_NULL) and not size_reg
        found.append(Shape(i + 1, size_reg, size, read, write, nullable, narrow))
    return tuple(found)


def shapes_of(name: str, proto: FuncProto) -> tuple[Shape, ...]:
    """shapes() of a helper by its name without bpf_."""
    return shapes(name, tuple(proto.arg_types), tuple(proto.arg_sizes))


def fixed_size(shape: Shape, map_sizes: tuple[int, int]) -> int:
    """Bytes of an argument without a size register. map_sizes: of key and value of the call's map."""
    if shape.size == _MAP_KEY_SIZE:
        return map_sizes[0]
    return map_sizes[1] if shape.size == _MAP_VALUE_SIZE else shape.size


def memory_arguments(
    name: str, proto: FuncProto, regs: Sequence[int], map_sizes: tuple[int, int]
) -> tuple[MemoryArgument, ...]:
    """The memory a call touches. regs: r0-r10."""
    found = []
    for each in shapes_of(name, proto):
        if each.size_reg:
            size = regs[each.size_reg] & (U32 if each.narrow else U64)
        else:
            size = fixed_size(each, map_sizes)
        found.append(MemoryArgument(each.regno, regs[each.regno], size, each.read, each.write, each.nullable))
    return tuple(found)
