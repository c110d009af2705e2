"""Which programs a map that holds programs goes with: __bpf_prog_map_compatible() of kernel/bpf/core.c.

The first program that uses such a map, or is put into it, owns it; the others have to be of its kind. The kernel asks
when the verifier has accepted a program (bpf_check_tail_call) and when a slot is filled (prog_fd_array_get_ptr).
Not compared are the cgroup storages, nor programs that override a function's return value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vm.btf.types import Kind
from vm.elf.sections import BPF_F_XDP_HAS_FRAGS
from vm.kernel import types as t
from vm.kernel.attach import attach_target
from vm.kernel.btf import kernel_btf
from vm.namedtuples import NamedTuple
from vm.program import MapSpec, Program
from vm.verifier.rules.loader import MAP_OWNER

_HOLD_PROGRAMS: Final = frozenset({t.BPF_MAP_TYPE_PROG_ARRAY, t.BPF_MAP_TYPE_DEVMAP, t.BPF_MAP_TYPE_CPUMAP})
_COMPARED_BY_TARGET: Final = frozenset(
    {t.BPF_PROG_TYPE_TRACING, t.BPF_PROG_TYPE_LSM, t.BPF_PROG_TYPE_EXT, t.BPF_PROG_TYPE_STRUCT_OPS}
)


class Difference(NamedTuple):
    """The first map of a program that another program owns, and what is different."""

    map_name: str
    owner: str
    what: str

    def __str__(self) -> str:
        return MAP_OWNER.text({"map": self.map_name, "owner": self.owner, "difference": self.what})


def owner_of(spec: MapSpec, loaded: Sequence[Program]) -> Program | None:
    """The first of the programs, in the order they are loaded, that uses the map."""
    return next((p for p in loaded if any(used.full_name == spec.full_name for used in p.maps)), None)


def foreign_map(program: Program, loaded: Sequence[Program]) -> Difference | None:
    """The map because of which the kernel refuses (-EINVAL) a program after the verifier accepted it."""
    for spec in program.maps:
        owner = owner_of(spec, loaded) if spec.map_type in _HOLD_PROGRAMS else None
        what = difference(owner, program, spec) if owner is not None else ""
        if owner is not None and what:
            return Difference(spec.full_name or spec.name, owner.name, what)
    return None


def difference(owner: Program, program: Program, spec: MapSpec) -> str:
    """What keeps `program` from a map that `owner` owns; "" if nothing."""
    name = f"'{program.name}'"
    if owner.prog_type != program.prog_type:
        return f"{name} has another program type"
    if (owner.prog_flags ^ program.prog_flags) & BPF_F_XDP_HAS_FRAGS:
        return f"only one of them takes packets in fragments (xdp.frags), and {name} is the other"
    attach_types = owner.expected_attach_type, program.expected_attach_type
    if spec.map_type == t.BPF_MAP_TYPE_PROG_ARRAY and attach_types[0] != attach_types[1]:
        return f"{name} has another attach type"
    if program.prog_type in _COMPARED_BY_TARGET and _target(owner) != _target(program):
        return f"{name} attaches to a function with another prototype"
    return ""


def _target(program: Program) -> tuple[int, int]:
    """Distinguishes what aux->attach_func_proto points to."""
    found = attach_target(program.prog_type, program.expected_attach_type, program.attach_btf_name)
    if found is None:
        return -1, 0
    if found.kind is Kind.STRUCT:
        return found.id, program.expected_attach_type
    proto = kernel_btf().skip_modifiers(found.type_id)
    return (proto.type_id if proto.kind is Kind.PTR else proto.id), 0
