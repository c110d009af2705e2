"""Whether the kernel takes a map's types: map_check_btf() of kernel/bpf/syscall.c, and what each map type adds.

Where it does not, libbpf creates the map without types: then no lock, timer or kernel pointer in its values counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vm.btf.types import Btf, Kind, Type
from vm.kernel import record as rec
from vm.kernel import types as t
from vm.program import MapSpec

_ARRAYS: Final = frozenset({t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_PERCPU_ARRAY})
_HASHES: Final = frozenset(
    {
        t.BPF_MAP_TYPE_HASH, t.BPF_MAP_TYPE_PERCPU_HASH, t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_LRU_PERCPU_HASH,
    }
)  # fmt: skip
_STORAGE: Final = frozenset(
    {
        t.BPF_MAP_TYPE_SK_STORAGE, t.BPF_MAP_TYPE_INODE_STORAGE, t.BPF_MAP_TYPE_TASK_STORAGE,
        t.BPF_MAP_TYPE_CGRP_STORAGE,
    }
)  # fmt: skip
_CGROUP_STORAGE: Final = frozenset({t.BPF_MAP_TYPE_CGROUP_STORAGE, t.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE})
_UNTYPED: Final = frozenset(
    {
        t.BPF_MAP_TYPE_PROG_ARRAY, t.BPF_MAP_TYPE_PERF_EVENT_ARRAY, t.BPF_MAP_TYPE_CGROUP_ARRAY,
        t.BPF_MAP_TYPE_ARRAY_OF_MAPS, t.BPF_MAP_TYPE_HASH_OF_MAPS, t.BPF_MAP_TYPE_DEVMAP, t.BPF_MAP_TYPE_DEVMAP_HASH,
        t.BPF_MAP_TYPE_STACK_TRACE,
    }
)  # fmt: skip
_KEYLESS: Final = frozenset({t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_BLOOM_FILTER, t.BPF_MAP_TYPE_ARENA})

_LOCKED: Final = _STORAGE | {t.BPF_MAP_TYPE_HASH, t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_CGROUP_STORAGE}
_PLAIN: Final = frozenset({t.BPF_MAP_TYPE_HASH, t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_ARRAY})
# Kinds of special fields -> types of maps whose values may have them.
_HOLDERS: Final = (
    (t.BPF_SPIN_LOCK, _LOCKED),
    (t.BPF_TIMER | t.BPF_WORKQUEUE | rec.BPF_GRAPH_ROOT, _PLAIN),
    (rec.BPF_KPTR | t.BPF_REFCOUNT, _ARRAYS | _HASHES | _STORAGE),
)
_NO_SIZE: Final = frozenset({Kind.VOID, Kind.FWD, Kind.FUNC, Kind.FUNC_PROTO})


def typed(spec: MapSpec, btf: Btf | None) -> MapSpec:
    """`spec` with the types the kernel takes; `btf` is None where it takes none of the object's."""
    inner = typed(spec.inner, btf) if spec.inner is not None else None
    if btf is not None and (not spec.btf_value_type_id or _takes(spec, btf)):
        return spec if inner is spec.inner else replace(spec, inner=inner)
    return replace(spec, btf_key_type_id=0, btf_value_type_id=0, inner=inner)


def _takes(spec: MapSpec, btf: Btf) -> bool:
    key: Type | None = None
    if spec.btf_key_type_id:
        key = btf.skip_modifiers(spec.btf_key_type_id)
        if key.kind in _NO_SIZE or btf.size_of(key.id) != spec.key_size:
            return False
    elif spec.map_type not in _KEYLESS:
        return False
    value = btf.skip_modifiers(spec.btf_value_type_id)
    if value.kind in _NO_SIZE or btf.size_of(value.id) != spec.value_size:
        return False
    record = rec.parse_fields(btf, spec.btf_value_type_id, rec.MAP_VALUE_FIELDS, spec.value_size)
    if record.fields and spec.map_flags & (t.BPF_F_RDONLY_PROG | t.BPF_F_WRONLY_PROG):
        return False
    if any(record.has(kinds) and spec.map_type not in holders for kinds, holders in _HOLDERS):
        return False
    return rec.roots_lead_to_metas(btf, record) and _takes_key(spec, key, value)


def _takes_key(spec: MapSpec, key: Type | None, value: Type) -> bool:
    """The map type's own check (ops->map_check_btf)."""
    if spec.map_type in _UNTYPED:
        return False
    if key is None:
        if spec.map_type == t.BPF_MAP_TYPE_ARRAY:
            return spec.max_entries == 1 and value.kind is Kind.DATASEC
        return True
    if spec.map_type == t.BPF_MAP_TYPE_BLOOM_FILTER:
        return False
    if spec.map_type in _CGROUP_STORAGE:
        return _is_cgroup_key(spec, key)
    if spec.map_type in _ARRAYS | _STORAGE:
        return key.kind is Kind.INT and key.bits == 32 and not key.int_off
    return spec.map_type != t.BPF_MAP_TYPE_LPM_TRIE or key.kind is Kind.STRUCT


def _is_cgroup_key(spec: MapSpec, key: Type) -> bool:
    """A cgroup's number, alone or in front of an attach type (struct bpf_cgroup_storage_key)."""
    if spec.key_size == 8:
        return key.kind is Kind.INT and key.bits == 64
    return key.kind is Kind.STRUCT and [m.bit_off for m in key.members] == [0, 64]


def unmappable(spec: MapSpec, btf: Btf | None) -> str:
    """Why libbpf cannot map global data ("" if it can): the kernel lets nobody map special fields (bpf_map_mmap())."""
    if btf is None or not spec.btf_value_type_id or not spec.map_flags & t.BPF_F_MMAPABLE:
        return ""
    record = rec.parse_fields(btf, spec.btf_value_type_id, rec.MAP_VALUE_FIELDS, spec.value_size)
    if not record.fields or btf.type(spec.btf_value_type_id).kind is not Kind.DATASEC:
        return ""
    return (
        "locks, timers, lists, trees and kernel pointers cannot be shared with user space, as global variables are; "
        "make them static"
    )
