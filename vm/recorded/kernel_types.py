"""Types of the recorded kernel that a recording carries: those of its programs' hooks, and those that programs name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from vm.btf.part import part
from vm.btf.types import COMPOSITES, Btf, Kind
from vm.errors import InputError
from vm.kernel.btf import kernel_btf
from vm.recorded.context_fields import hook
from vm.recorded.format import MAX_TYPES

if TYPE_CHECKING:
    from vm.btf.types import Type
    from vm.program import Program

_MAX_ROOTS: Final = 300
_TO_POINTED: Final = (Kind.PTR, Kind.FUNC, Kind.TYPEDEF)


def kernel_types(programs: Iterable[Program], kernel: Btf) -> bytes:
    """BTF of the types that the programs' steps are shown with; b"" if they are as in the emulated kernel.

    kernel -- of the recorded kernel
    """
    programs = list(programs)
    with contextlib.suppress(InputError):
        data = part(kernel, _roots(programs, kernel))
        if len(data) <= MAX_TYPES and data != part(kernel_btf(), _roots(programs, kernel_btf())):
            return data
    return b""


def _roots(programs: Iterable[Program], kernel: Btf) -> list[int]:
    """The hooks and the structs that they point to; structs that the programs' own types name."""
    found: dict[int, None] = {}
    names: set[str] = set()
    for program in programs:
        for each in hook(program, kernel):
            found[each.id] = None
            found |= dict.fromkeys(_pointed(each, kernel))
        if program.btf is not None:
            names |= {each.name for each in program.btf.of_kind(*COMPOSITES) if each.name}
    for name in sorted(names):
        held = kernel.find(name, *COMPOSITES)
        if held is not None:
            found[held.id] = None
    return list(found)[:_MAX_ROOTS]


def _pointed(hook: Type, kernel: Btf) -> Iterator[int]:
    """The structs that a function's parameters point to."""
    proto = hook
    while proto.kind in _TO_POINTED:
        proto = kernel.type(proto.type_id)
    for param in proto.params if proto.kind is Kind.FUNC_PROTO else ():
        held = kernel.skip_modifiers(param.type_id)
        if held.kind is Kind.PTR:
            held = kernel.skip_modifiers(held.type_id)
            if held.kind in COMPOSITES:
                yield held.id
