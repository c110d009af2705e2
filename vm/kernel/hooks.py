"""Kernel functions for programs, sets of hooks, iterator targets, raw tracepoints, struct_ops.

The functions answer for the kernel that is emulated. Types and functions go by name: their
BTF is in vm.kernel.btf.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from vm.kernel import types as t
from vm.kernel.hook_facts import HookFacts, IterArg, Kfunc, KfuncSet, StructOps

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


def all_struct_ops() -> tuple[str, ...]:
    """Names of the structs of operations that programs can implement."""
    return tuple(_facts().struct_ops)


def struct_ops(name: str) -> StructOps | None:
    """The struct_ops of that name, or None: the kernel's struct is none (bpf_struct_ops_find)."""
    return _facts().struct_ops.get(name)
