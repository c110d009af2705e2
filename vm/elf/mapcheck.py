"""Whether the kernel would create a map: the first checks of map_create() by map type.

Without them a map that no kernel makes would verify and run. Sources: kernel/bpf/{arraymap,hashtab,
ringbuf,lpm_trie,queue_stack_maps,bloom_filter,stackmap,bpf_local_storage,devmap,cpumap,arena}.c and
net/core/sock_map.c of Linux 6.12, the functions named *_alloc_check and *_alloc.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.kernel import types as t
from vm.program import MapSpec

_PAGE: Final = 4096
_MAX_STACK_DEPTH: Final = 127  # sysctl_perf_event_max_stack
_MAX_VALUE: Final = (1 << 22) - 512 - 64  # KMALLOC_MAX_SIZE less the element's head and the stack
_LPM_MIN_KEY: Final = 5
_LPM_MAX_KEY: Final = 4 + 256


def _entries(spec: MapSpec) -> str:
    return "" if spec.max_entries else "max_entries is 0"


def _key4(spec: MapSpec) -> str:
    return "" if spec.key_size == 4 else f"its keys must have 4 bytes, not {spec.key_size}"


def _value(spec: MapSpec) -> str:
    return "" if spec.value_size else "its values have no size"


def _value4(spec: MapSpec) -> str:
    return "" if spec.value_size == 4 else f"its values must have 4 bytes, not {spec.value_size}"


def _value4or8(spec: MapSpec) -> str:
    return "" if spec.value_size in (4, 8) else f"its values must have 4 or 8 bytes, not {spec.value_size}"


def _key(spec: MapSpec) -> str:
    return "" if spec.key_size else "its keys have no size"


def _no_key(spec: MapSpec) -> str:
    return f"it has no keys, and a key size of {spec.key_size} is given" if spec.key_size else ""


def _hash(spec: MapSpec) -> str:
    lru = spec.map_type in (t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_LRU_PERCPU_HASH)
    if lru and spec.map_flags & t.BPF_F_NO_PREALLOC:
        return "LRU maps cannot have the flag BPF_F_NO_PREALLOC"
    if not lru and spec.map_flags & t.BPF_F_NO_COMMON_LRU:
        return "only LRU maps can have the flag BPF_F_NO_COMMON_LRU"
    return f"its elements have more than {_MAX_VALUE} bytes" if spec.key_size + spec.value_size >= _MAX_VALUE else ""


def _ring(spec: MapSpec) -> str:
    size = spec.max_entries
    if spec.key_size or spec.value_size:
        return "a ring buffer has neither keys nor values"
    if size % _PAGE or size & (size - 1):
        return f"max_entries must be a power of two and whole pages of {_PAGE} bytes, not {size}"
    return ""


def _stack_trace(spec: MapSpec) -> str:
    unit = 32 if spec.map_flags & t.BPF_F_STACK_BUILD_ID else 8
    if spec.value_size < 8 or spec.value_size % unit:
        return f"its values must be whole addresses of {unit} bytes, not {spec.value_size}"
    depth = spec.value_size // unit
    return f"its values hold {depth} addresses; at most {_MAX_STACK_DEPTH} are kept" if depth > _MAX_STACK_DEPTH else ""


def _lpm(spec: MapSpec) -> str:
    if not spec.map_flags & t.BPF_F_NO_PREALLOC:
        return "an LPM trie must have the flag BPF_F_NO_PREALLOC"
    if not _LPM_MIN_KEY <= spec.key_size <= _LPM_MAX_KEY:
        return f"its keys must have {_LPM_MIN_KEY} to {_LPM_MAX_KEY} bytes, the prefix length included"
    return ""


def _storage(spec: MapSpec) -> str:
    if not spec.map_flags & t.BPF_F_NO_PREALLOC:
        return "local storage must have the flag BPF_F_NO_PREALLOC"
    if spec.max_entries:
        return "local storage has no max_entries"
    if not (spec.btf_key_type_id and spec.btf_value_type_id):
        return "local storage needs the types of its key and value; give them with __type()"
    return ""


def _inner(spec: MapSpec) -> str:
    return "" if spec.inner else "it holds maps, and what they look like is not given; add __array(values, …)"


def _arena(spec: MapSpec) -> str:
    if spec.key_size or spec.value_size:
        return "an arena has neither keys nor values"
    return "" if spec.map_flags & t.BPF_F_MMAPABLE else "an arena must have the flag BPF_F_MMAPABLE"


Check = Callable[[MapSpec], str]
_ARRAY: Final[tuple[Check, ...]] = (_entries, _key4, _value)
_FD_ARRAY: Final[tuple[Check, ...]] = (_entries, _key4, _value4)
_HASH: Final[tuple[Check, ...]] = (_entries, _key, _value, _hash)
_QUEUE: Final[tuple[Check, ...]] = (_entries, _no_key, _value)
_PORTS: Final[tuple[Check, ...]] = (_entries, _key4, _value4or8)
_STORAGE: Final[tuple[Check, ...]] = (_key4, _value, _storage)
_CHECKS: Final[dict[int, tuple[Check, ...]]] = {
    t.BPF_MAP_TYPE_HASH: _HASH,
    t.BPF_MAP_TYPE_PERCPU_HASH: _HASH,
    t.BPF_MAP_TYPE_LRU_HASH: _HASH,
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: _HASH,
    t.BPF_MAP_TYPE_ARRAY: _ARRAY,
    t.BPF_MAP_TYPE_PERCPU_ARRAY: _ARRAY,
    t.BPF_MAP_TYPE_PROG_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_PERF_EVENT_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_CGROUP_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_ARRAY_OF_MAPS: (*_FD_ARRAY, _inner),
    t.BPF_MAP_TYPE_HASH_OF_MAPS: (_entries, _key, _value4, _inner),
    t.BPF_MAP_TYPE_STACK_TRACE: (_entries, _key4, _stack_trace),
    t.BPF_MAP_TYPE_LPM_TRIE: (_entries, _lpm, _value),
    t.BPF_MAP_TYPE_QUEUE: _QUEUE,
    t.BPF_MAP_TYPE_STACK: _QUEUE,
    t.BPF_MAP_TYPE_BLOOM_FILTER: _QUEUE,
    t.BPF_MAP_TYPE_RINGBUF: (_entries, _ring),
    t.BPF_MAP_TYPE_USER_RINGBUF: (_entries, _ring),
    t.BPF_MAP_TYPE_SK_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_INODE_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_TASK_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_CGRP_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_DEVMAP: _PORTS,
    t.BPF_MAP_TYPE_DEVMAP_HASH: _PORTS,
    t.BPF_MAP_TYPE_CPUMAP: _PORTS,
    t.BPF_MAP_TYPE_XSKMAP: (_entries, _key4, _value4),
    t.BPF_MAP_TYPE_SOCKMAP: _PORTS,
    t.BPF_MAP_TYPE_SOCKHASH: (_entries, _key, _value4or8),
    t.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: _PORTS,
    t.BPF_MAP_TYPE_ARENA: (_entries, _arena),
}


def refusal(spec: MapSpec) -> str:
    """Why the kernel would not create the map, "" if it would as far as its sizes and flags go."""
    known = max(_CHECKS) + 1
    if not 0 < spec.map_type < known:
        return f"Linux 6.12 has no map type {spec.map_type}"
    for check in _CHECKS.get(spec.map_type, ()):
        why = check(spec)
        if why:
            return why
    return refusal(spec.inner) if spec.inner else ""
