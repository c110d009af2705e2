"""Kernel functions for programs, sets of hooks, iterator targets, raw tracepoints, struct_ops.

The functions answer for the kernel that is emulated. Types and functions go by name: their
BTF is in vm.kernel.btf.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from vm.kernel import types as t

# Program types whose kfuncs the kernel keeps in one list (bpf_prog_type_to_kfunc_hook).
_HOOKS: Final = (
    (t.BPF_PROG_TYPE_UNSPEC,),
    (t.BPF_PROG_TYPE_XDP,),
    (t.BPF_PROG_TYPE_SCHED_CLS,),
    (t.BPF_PROG_TYPE_STRUCT_OPS,),
    (t.BPF_PROG_TYPE_TRACING, t.BPF_PROG_TYPE_TRACEPOINT, t.BPF_PROG_TYPE_PERF_EVENT, t.BPF_PROG_TYPE_LSM),
    (t.BPF_PROG_TYPE_SYSCALL,),
    (
        t.BPF_PROG_TYPE_CGROUP_SKB,
        t.BPF_PROG_TYPE_CGROUP_SOCK,
        t.BPF_PROG_TYPE_CGROUP_DEVICE,
        t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
        t.BPF_PROG_TYPE_CGROUP_SOCKOPT,
        t.BPF_PROG_TYPE_CGROUP_SYSCTL,
    ),
    (t.BPF_PROG_TYPE_SCHED_ACT,),
    (t.BPF_PROG_TYPE_SK_SKB,),
    (t.BPF_PROG_TYPE_SOCKET_FILTER,),
    (
        t.BPF_PROG_TYPE_LWT_OUT,
        t.BPF_PROG_TYPE_LWT_IN,
        t.BPF_PROG_TYPE_LWT_XMIT,
        t.BPF_PROG_TYPE_LWT_SEG6LOCAL,
    ),
    (t.BPF_PROG_TYPE_NETFILTER,),
    (t.BPF_PROG_TYPE_KPROBE,),
)


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


@cache
def _facts() -> HookFacts:
    from vm.kernel.facts import emulated

    return emulated().hooks


def kfunc(name: str) -> Kfunc | None:
    """The kfunc of that name."""
    return _facts().kfuncs.get(name)


def kfunc_by_id(btf_id: int) -> Kfunc | None:
    """The kfunc whose FUNC has that id in the kernel's BTF (imm of the call)."""
    return _facts().kfuncs_by_id.get(btf_id)


def kfunc_sets() -> tuple[KfuncSet, ...]:
    """All registered sets."""
    return _facts().kfunc_sets


@cache
def _allowed(prog_type: int) -> dict[str, str]:
    """kfunc -> the filter of its set ("" none), for a program type, before filters are asked."""
    hook: tuple[int, ...] = next((h for h in _HOOKS if prog_type in h), ())
    out: dict[str, str] = {}
    for kset in kfunc_sets():
        if 0 in kset.prog_types or any(p in hook for p in kset.prog_types):
            for name in kset.kfuncs:
                # with several sets, one without a filter wins
                out[name] = "" if out.get(name) == "" else kset.filter
    return out


def kfunc_filter(prog_type: int, name: str) -> str | None:
    """None if programs of the type may not call the kfunc; else the kernel's filter that decides, "" for none.

    As btf_kfunc_id_set_contains(): lists of several program types are one, e.g. LSM and tracing.
    Filters: bpf_fs_kfuncs_filter and bpf_get_fsverity_digest_filter (LSM programs only), tracing_iter_filter
    (iterators only), bpf_kprobe_multi_filter (kprobe sessions only).
    """
    return _allowed(prog_type).get(name)


@cache
def fmod_ret_functions() -> frozenset[str]:
    """Functions that fmod_ret programs may attach to besides security_ hooks (register_btf_fmodret_id_set)."""
    return frozenset(name for s in kfunc_sets() if "fmod_ret" in s.prog_types for name in s.kfuncs)


def id_set(name: str) -> frozenset[str]:
    """Names in one of the kernel's BTF_SETs: sleepable_lsm_hooks, btf_id_deny, … KeyError for others."""
    return _facts().id_sets[name]


def kptr_destructor(struct_name: str) -> str | None:
    """The kfunc that frees a kernel object kept in a map (register_btf_id_dtor_kfuncs)."""
    return _facts().destructors.get(struct_name)


def iterator_args(target: str) -> tuple[IterArg, ...] | None:
    """What the context of an iter/TARGET program holds besides `meta`; None if there is no such target."""
    return _facts().iterators.get(target)


def raw_tracepoint(name: str) -> tuple[int, int] | None:
    """Number of arguments of a tracepoint, and bytes a writable program may write; None if there is none."""
    return _facts().raw_tracepoints.get(name)


def map_struct(map_type: int) -> str | None:
    """The kernel's struct of maps of a type, which programs may read through a map pointer."""
    return _facts().map_structs.get(map_type)


def struct_ops(name: str) -> StructOps | None:
    """The struct_ops of that name, or None: the kernel's struct is none (bpf_struct_ops_find)."""
    return _facts().struct_ops.get(name)
