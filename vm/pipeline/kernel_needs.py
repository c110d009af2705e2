"""What a program needs of a kernel by name, and which of several kernels have it: from each one's own BTF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.btf.types import Btf, Kind
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.kernel.btf import kernel_btf
from vm.kernel.helpers import helper
from vm.kernel.names import map_type_name
from vm.pipeline.kernel_matrix import guest_kernel
from vm.pipeline.objects import choose, load
from vm.program import UNRESOLVED_KFUNC, Object, Program

if TYPE_CHECKING:
    from vm.guests.kernel import GuestKernel
    from vm.guests.states import State
    from vm.pipeline.kernel_matrix import Build

_HELPER, _MAP, _PROGRAM, _KFUNC = "helper", "map type", "program type", "kfunc"
# Kinds of needs -> an enumerator of the enumeration that lists them, and the name that stands for their number.
_ENUMS: Final = {_HELPER: "BPF_FUNC_unspec", _MAP: "BPF_MAP_TYPE_UNSPEC", _PROGRAM: "BPF_PROG_TYPE_UNSPEC"}
_ENDS: Final = "__"  # __BPF_FUNC_MAX_ID and the like name no member


class Need(NamedTuple):
    """kind -- helper, map type, program type or kfunc; number -- in its enumeration, 0 of a kfunc."""

    kind: str
    name: str
    number: int = 0


def needs(obj: Object, program: Program) -> tuple[Need, ...]:
    """What the program and its object's maps need by name, each once. The object is loaded for the emulated kernel."""
    found = [Need(_PROGRAM, _program_type(program.prog_type), program.prog_type)]
    found += [Need(_MAP, map_type_name(spec.map_type), spec.map_type) for spec in obj.maps]
    for insn in program.insns:
        if insn.code != o.JMP | o.CALL:
            continue
        if insn.src_reg == 0 and (known := helper(insn.imm)) is not None:
            found.append(Need(_HELPER, known.name, insn.imm))
        elif insn.src_reg == o.PSEUDO_KFUNC_CALL and insn.off == 0:
            found.append(Need(_KFUNC, kernel_btf().type(insn.imm).name))
    found += [Need(_KFUNC, each.name) for each in program.unresolved if each.kind == UNRESOLVED_KFUNC]
    return tuple(dict.fromkeys(found))


def lacking_by_kernel(build: Build, states: Sequence[State], name: str, of: Sequence[str]) -> dict[str, list[str]]:
    """By the name of each kernel of `of`, sentences about what a program of a build needs and the kernel does not have.

    states -- all kernels, in the order of their versions
    Nothing where the program cannot be loaded for the emulated one.
    """
    try:
        obj = load(build.source, build.options, build.compiled)
        wanted = needs(obj, choose(obj, name))
    except InputError:
        return {}
    return lacking(wanted, [guest_kernel(state) for state in states], of)


def lacking(wanted: Sequence[Need], kernels: Sequence[GuestKernel], of: Sequence[str]) -> dict[str, list[str]]:
    """By the name of each kernel of `of`, sentences about what it lacks; kernels are in the order of their versions.

    The other kernels' types are only read for what one of these lacks: reading them takes longer than an answer.
    """
    tables: dict[str, dict[str, frozenset[int]]] = {}

    def has(need: Need, kernel: GuestKernel) -> bool:
        if need.kind == _KFUNC:
            return kernel.btf.find(need.name, Kind.FUNC) is not None
        if kernel.state.name not in tables:
            tables[kernel.state.name] = _members(kernel.btf)
        members = tables[kernel.state.name][need.kind]
        return not members or need.number in members

    asked = [kernel for kernel in kernels if kernel.state.name in of]
    out: dict[str, list[str]] = {kernel.state.name: [] for kernel in asked}
    for need in wanted:
        without = [kernel.state.name for kernel in asked if not has(need, kernel)]
        if not without:
            continue
        first = next((kernel.state.name for kernel in kernels if has(need, kernel)), "")
        has_it = f"Linux {first} is the first of these kernels that has it" if first else "none of these has it"
        for name in without:
            out[name].append(f"It needs the {need.kind} {need.name}; {has_it}.")
    return out


def _members(btf: Btf) -> dict[str, frozenset[int]]:
    """The numbers of each enumeration; empty where the BTF does not have it."""
    out = {}
    for kind, first in _ENUMS.items():
        found = btf.enums_with(first)
        named = btf.type(found[0]).enumerators if found else ()
        out[kind] = frozenset(each.value for each in named if not each.name.startswith(_ENDS))
    return out


def _program_type(number: int) -> str:
    found = kernel_btf().enums_with(_ENUMS[_PROGRAM])
    named = kernel_btf().type(found[0]).enumerators if found else ()
    return next((each.name for each in named if each.value == number), str(number))
