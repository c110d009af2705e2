"""Kernel objects in the memory of a recorded event: what the verifier says that registers point to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.bits import U64
from vm.btf.members import member_type
from vm.btf.types import COMPOSITES, Kind
from vm.errors import InputError
from vm.kernel.btf import kernel_btf
from vm.runner.execution import LOADED
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.runner.execution import MemoryWrite, RunStep
    from vm.runner.follow import Known
    from vm.trace.recorder import Recorder

MAX_OBJECTS: Final = 512
"""Of one event."""
_KERNEL: Final = 1 << 63
_POINTER: Final = 8


class Typed(NamedTuple):
    """A kernel object: the name of its struct, its address, its type."""

    name: str
    address: int
    size: int
    btf: Btf
    type_id: int


def objects(
    steps: Sequence[RunStep], known: Sequence[Known | None], trace: Recorder, kernel: Btf | None
) -> Iterator[Typed]:
    """The objects that registers point to after the steps, as the verifier says on the very path; each once.

    kernel -- types of the recorded kernel, where they are not those of the emulated one: the verifier's types are found
              in it by name, and objects of others are left out
    """
    found: set[tuple[int, int]] = set()
    for step, about in zip(steps, known, strict=False):
        if about is None or about.wrong:
            continue
        frames = trace.raw_before(about.step) if about.before else trace.raw(about.step)
        for n, (reg, value) in enumerate(zip(frames[-1].regs, step.regs, strict=False)):
            pointer = reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_BTF_ID and reg.btf is not None
            if not pointer or value < _KERNEL or f"r{n}" in about.outside or reg.scalar.var_off.mask:
                continue
            assert reg.btf is not None
            address = (value - reg.off - reg.scalar.var_off.value) & U64
            if (address, reg.btf_id) in found:
                continue
            found.add((address, reg.btf_id))
            held = _held(reg.btf, reg.btf_id, address, kernel)
            if held is not None:
                yield held
            if len(found) >= MAX_OBJECTS:
                return


def _held(btf: Btf, type_id: int, address: int, kernel: Btf | None) -> Typed | None:
    """An object at an address, None if the size of its type is not known."""
    try:
        found = btf.type(type_id)
        if kernel is not None and btf is kernel_btf():
            there = kernel.find(found.name, found.kind)
            if there is None:
                return None
            btf, found = kernel, there
        return Typed(found.name or "object", address, btf.size_of(found.id), btf, found.id)
    except InputError:
        return None


def reached(
    moved: Mapping[int, Sequence[MemoryWrite]], arguments: Sequence[tuple[int, int]], kernel: Btf
) -> Iterator[Typed]:
    """The objects that a hook's arguments point to, and those that pointers in them point to which were loaded; each
    once.

    moved     -- what each step read and wrote
    arguments -- (value, type) of each argument
    """
    found: list[Typed] = []
    seen: set[tuple[int, int]] = set()
    pointers = [*arguments]
    for each in chain([()], (moved[i] for i in sorted(moved))):
        for access in each:
            if access.by == LOADED and len(access.data) == _POINTER:
                pointers += [(int.from_bytes(access.data, "little"), held) for held in _member(found, access.address)]
        for address, type_id in pointers:
            pointed = kernel.skip_modifiers(type_id)
            target = kernel.skip_modifiers(pointed.type_id) if pointed.kind is Kind.PTR else None
            if target is None or target.kind not in COMPOSITES or address < _KERNEL or (address, target.id) in seen:
                continue
            seen.add((address, target.id))
            held = _held(kernel, target.id, address, None)
            if held is not None:
                found.append(held)
                yield held
            if len(seen) >= MAX_OBJECTS:
                return
        pointers = []


def _member(objects: Sequence[Typed], address: int) -> Iterator[int]:
    """The types of the members of objects at an address that are as long as a pointer."""
    for each in objects:
        if each.address <= address <= each.address + each.size - _POINTER:
            yield member_type(each.btf, each.type_id, address - each.address, _POINTER)
