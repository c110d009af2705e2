"""Kernel functions, hooks and struct_ops as `make facts` wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from vm.namedtuples import NamedTuple


class Kfunc(NamedTuple):
    """A kernel function programs may call: BTF id of its FUNC in vmlinux, and KF_ flags (vm.kernel.kfuncs)."""

    name: str
    id: int
    flags: int


class KfuncSet(NamedTuple):
    """Functions registered together: for which program types (0: all), and the kernel's filter if it has one."""

    name: str
    prog_types: tuple[int | str, ...]
    filter: str
    kfuncs: frozenset[str]


class IterArg(NamedTuple):
    """A pointer in an iterator program's context: its offset and register type (without the BTF id)."""

    offset: int
    reg_type: int


class Operation(NamedTuple):
    """A member of a struct_ops that programs may implement.

    nullable  -- arguments, by number, that may be null (those the kernel's stub names __nullable)
    sleepable -- whether the kernel's check_member() lets a program that may sleep stand there
    """

    nullable: tuple[int, ...]
    sleepable: bool


class StructOps(NamedTuple):
    """A kernel struct whose functions programs may implement (struct bpf_struct_ops).

    operations -- by member name; other function pointers of the struct cannot be programs
    written    -- the struct its programs may write to
    writable   -- (first, last, end): a write that starts at first to last may go up to `end`
    """

    operations: dict[str, Operation]
    written: str
    writable: tuple[tuple[int, int, int], ...]


class HookFacts:
    """What hooks.json holds of one kernel."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @cached_property
    def kfuncs(self) -> dict[str, Kfunc]:
        """Kernel functions by name."""
        return {name: Kfunc(name, raw["id"], raw["flags"]) for name, raw in self._raw["kfuncs"].items()}

    @cached_property
    def kfuncs_by_id(self) -> dict[int, Kfunc]:
        """Kernel functions by the id of their FUNC in the kernel's BTF."""
        return {kfunc.id: kfunc for kfunc in self.kfuncs.values()}

    @cached_property
    def kfunc_sets(self) -> tuple[KfuncSet, ...]:
        """All registered sets."""
        return tuple(
            KfuncSet(raw["name"], tuple(raw["prog_types"]), raw["filter"], frozenset(raw["kfuncs"]))
            for raw in self._raw["kfunc_sets"]
        )

    @cached_property
    def id_sets(self) -> Mapping[str, frozenset[str]]:
        """The kernel's BTF_SETs by name."""
        return MappingProxyType({name: frozenset(members) for name, members in self._raw["id_sets"].items()})

    @property
    def destructors(self) -> Mapping[str, str]:
        """Struct of a referenced kernel pointer -> the kfunc that frees it."""
        return MappingProxyType(self._raw["destructors"])

    @cached_property
    def iterators(self) -> Mapping[str, tuple[IterArg, ...]]:
        """Iterator target -> what its programs' context holds besides `meta`."""
        return MappingProxyType(
            {name: tuple(IterArg(*arg) for arg in raw["args"]) for name, raw in self._raw["iterators"].items()}
        )

    @cached_property
    def raw_tracepoints(self) -> Mapping[str, tuple[int, int]]:
        """Tracepoint -> number of arguments, and bytes that a writable program may write."""
        return MappingProxyType({name: (raw[0], raw[1]) for name, raw in self._raw["raw_tracepoints"].items()})

    @cached_property
    def map_structs(self) -> Mapping[int, str]:
        """Map type -> the kernel's struct of such maps."""
        return MappingProxyType({int(number): name for number, name in self._raw["map_types"].items()})

    @cached_property
    def struct_ops(self) -> Mapping[str, StructOps]:
        """The structs whose functions programs may implement, by name."""
        return MappingProxyType({name: _struct_ops_of(raw) for name, raw in self._raw["struct_ops"].items()})


def _struct_ops_of(raw: Any) -> StructOps:
    operations = {
        member: Operation(tuple(facts["nullable"]), facts["sleepable"]) for member, facts in raw["members"].items()
    }
    return StructOps(operations, raw["written"], tuple((a, b, c) for a, b, c in raw["writable"]))
