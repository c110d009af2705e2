"""Whether the kernel would create a map: the first checks of map_create() by map type.

Without them a map that no kernel makes would verify and run. Sources: kernel/bpf/{arraymap,hashtab,
ringbuf,lpm_trie,queue_stack_maps,bloom_filter,stackmap,bpf_local_storage,devmap,cpumap,arena}.c and
net/core/sock_map.c, the functions named *_alloc_check and *_alloc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from vm.btf.types import Btf
from vm.kernel import record as rec
from vm.kernel import types as t
from vm.kernel.release import LINUX
from vm.program import MapSpec

_PAGE: Final = 4096
_MAX_STACK_DEPTH: Final = 127  # sysctl_perf_event_max_stack
_MAX_VALUE: Final = (1 << 22) - 512 - 64  # KMALLOC_MAX_SIZE less the element's head and the stack
_LPM_MIN_KEY: Final = 5
_LPM_MAX_KEY: Final = 4 + 256
_MAX_STORED: Final = (1 << 16) - 1 - 128  # BPF_LOCAL_STORAGE_MAX_VALUE_SIZE: less struct bpf_local_storage_elem
_MAX_QUEUED: Final = 4 << 20  # KMALLOC_MAX_SIZE
_MAX_HASHES: Final = 15
_PER_CPU: Final = 32 << 10  # PCPU_MIN_UNIT_SIZE
_CPUS: Final = 8192  # NR_CPUS
_MAX_ARENA_PAGES: Final = 1 << 20  # 4 GiB
_MAX_BUCKETS: Final = 1 << 27  # buckets of 16 bytes, a power of two of them, in less than 4 GiB
_MAX_SOCKET_KEY: Final = 512  # MAX_BPF_STACK
_NUMA_NODES: Final = 1  # of the machine
# Types of maps that no map of maps holds: those without map_meta_equal().
_NEVER_INSIDE: Final = frozenset(
    {
        t.BPF_MAP_TYPE_PROG_ARRAY, t.BPF_MAP_TYPE_CGROUP_STORAGE, t.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
        t.BPF_MAP_TYPE_STRUCT_OPS,
    }
)  # fmt: skip
_LRU: Final = frozenset({t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_LRU_PERCPU_HASH})


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
    lru = spec.map_type in _LRU
    if lru and spec.map_flags & t.BPF_F_NO_COMMON_LRU and spec.map_flags & t.BPF_F_NUMA_NODE:
        return "a map with the flag BPF_F_NO_COMMON_LRU cannot have BPF_F_NUMA_NODE"
    if lru and spec.map_flags & t.BPF_F_NO_PREALLOC:
        return "LRU maps cannot have the flag BPF_F_NO_PREALLOC"
    if not lru and spec.map_flags & t.BPF_F_NO_COMMON_LRU:
        return "only LRU maps can have the flag BPF_F_NO_COMMON_LRU"
    if spec.max_entries > _MAX_BUCKETS:
        return f"max_entries is {spec.max_entries}; a hash map has at most {_MAX_BUCKETS}"
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
    if not spec.inner:
        return "it holds maps, and what they look like is not given; add __array(values, …)"
    if spec.inner.map_type in _NEVER_INSIDE:
        return f"no map of maps holds maps of the type {t.enum_name('bpf_map_type', spec.inner.map_type)}"
    return ""


def _arena(spec: MapSpec) -> str:
    if spec.key_size or spec.value_size:
        return "an arena has neither keys nor values"
    if spec.max_entries > _MAX_ARENA_PAGES:
        return f"an arena has at most {_MAX_ARENA_PAGES} pages, not {spec.max_entries}"
    return "" if spec.map_flags & t.BPF_F_MMAPABLE else "an arena must have the flag BPF_F_MMAPABLE"


def _stored(spec: MapSpec) -> str:
    return "" if spec.value_size <= _MAX_STORED else f"its values have more than {_MAX_STORED} bytes"


def _queued(spec: MapSpec) -> str:
    return "" if spec.value_size <= _MAX_QUEUED else f"its values have more than {_MAX_QUEUED} bytes"


def _queue(spec: MapSpec) -> str:
    """A queue has one free place, and its length is counted in 32 bits."""
    whole = spec.value_size * (spec.max_entries + 1)
    return "" if whole < 1 << 32 else f"its {spec.max_entries} values have more than 4 GiB"


def _percpu(spec: MapSpec) -> str:
    return (
        "" if -(-spec.value_size // 8) * 8 <= _PER_CPU else f"its values have more than {_PER_CPU} bytes, for each CPU"
    )


def _cgroup_storage(spec: MapSpec) -> str:
    if spec.key_size not in (8, 16):
        return f"its keys must be a cgroup's number or a struct bpf_cgroup_storage_key, not {spec.key_size} bytes"
    return "cgroup storage has no max_entries" if spec.max_entries else ""


def _socket_hash(spec: MapSpec) -> str:
    if spec.key_size > _MAX_SOCKET_KEY:
        return f"its keys have more than {_MAX_SOCKET_KEY} bytes"
    if spec.max_entries > _MAX_BUCKETS:
        return f"max_entries is {spec.max_entries}; there can be {_MAX_BUCKETS}"
    return ""


def _operations(spec: MapSpec) -> str:
    return "" if spec.vmlinux_value_type_id else 'maps of struct_ops are made of a variable in SEC(".struct_ops") only'


def _cpus(spec: MapSpec) -> str:
    return "" if spec.max_entries <= _CPUS else f"max_entries is {spec.max_entries}; there can be {_CPUS} CPUs"


Check = Callable[[MapSpec], str]
_ARRAY: Final[tuple[Check, ...]] = (_entries, _key4, _value)
_FD_ARRAY: Final[tuple[Check, ...]] = (_entries, _key4, _value4)
_HASH: Final[tuple[Check, ...]] = (_entries, _key, _value, _hash)
_QUEUE: Final[tuple[Check, ...]] = (_entries, _no_key, _value, _queued)
_PORTS: Final[tuple[Check, ...]] = (_entries, _key4, _value4or8)
_STORAGE: Final[tuple[Check, ...]] = (_key4, _value, _storage, _stored)
_CHECKS: Final[dict[int, tuple[Check, ...]]] = {
    t.BPF_MAP_TYPE_HASH: _HASH,
    t.BPF_MAP_TYPE_PERCPU_HASH: (*_HASH, _percpu),
    t.BPF_MAP_TYPE_LRU_HASH: _HASH,
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: (*_HASH, _percpu),
    t.BPF_MAP_TYPE_ARRAY: _ARRAY,
    t.BPF_MAP_TYPE_PERCPU_ARRAY: (*_ARRAY, _percpu),
    t.BPF_MAP_TYPE_PROG_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_PERF_EVENT_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_CGROUP_ARRAY: _FD_ARRAY,
    t.BPF_MAP_TYPE_ARRAY_OF_MAPS: (*_FD_ARRAY, _inner),
    t.BPF_MAP_TYPE_HASH_OF_MAPS: (_entries, _key, _value4, _hash, _inner),
    t.BPF_MAP_TYPE_STACK_TRACE: (_entries, _key4, _stack_trace),
    t.BPF_MAP_TYPE_LPM_TRIE: (_entries, _lpm, _value),
    t.BPF_MAP_TYPE_QUEUE: (*_QUEUE, _queue),
    t.BPF_MAP_TYPE_STACK: (*_QUEUE, _queue),
    t.BPF_MAP_TYPE_BLOOM_FILTER: _QUEUE,
    t.BPF_MAP_TYPE_RINGBUF: (_entries, _ring),
    t.BPF_MAP_TYPE_USER_RINGBUF: (_entries, _ring),
    t.BPF_MAP_TYPE_SK_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_INODE_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_TASK_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_CGRP_STORAGE: _STORAGE,
    t.BPF_MAP_TYPE_DEVMAP: _PORTS,
    t.BPF_MAP_TYPE_DEVMAP_HASH: _PORTS,
    t.BPF_MAP_TYPE_CPUMAP: (*_PORTS, _cpus),
    t.BPF_MAP_TYPE_CGROUP_STORAGE: (_value, _stored, _cgroup_storage),
    t.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: (_value, _cgroup_storage, _percpu),
    t.BPF_MAP_TYPE_XSKMAP: (_entries, _key4, _value4),
    t.BPF_MAP_TYPE_SOCKMAP: _PORTS,
    t.BPF_MAP_TYPE_SOCKHASH: (_entries, _key, _value4or8, _socket_hash),
    t.BPF_MAP_TYPE_STRUCT_OPS: (_operations,),
    t.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: _PORTS,
    t.BPF_MAP_TYPE_ARENA: (_entries, _arena),
}


_ACCESS: Final = t.BPF_F_RDONLY | t.BPF_F_WRONLY | t.BPF_F_RDONLY_PROG | t.BPF_F_WRONLY_PROG
_USER: Final = t.BPF_F_NUMA_NODE | t.BPF_F_RDONLY | t.BPF_F_WRONLY
_PLAIN: Final = t.BPF_F_NUMA_NODE | _ACCESS
_HASH_FLAGS: Final = _PLAIN | t.BPF_F_NO_PREALLOC | t.BPF_F_NO_COMMON_LRU | t.BPF_F_ZERO_SEED
_STORAGE_FLAGS: Final = t.BPF_F_NO_PREALLOC | t.BPF_F_CLONE
# The flags a map type takes (the *_CREATE_FLAG_MASK of each).
_FLAGS: Final[dict[int, int]] = {
    t.BPF_MAP_TYPE_HASH: _HASH_FLAGS,
    t.BPF_MAP_TYPE_LRU_HASH: _HASH_FLAGS,
    t.BPF_MAP_TYPE_PERCPU_HASH: _HASH_FLAGS & ~t.BPF_F_NUMA_NODE,
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: _HASH_FLAGS & ~t.BPF_F_NUMA_NODE,
    t.BPF_MAP_TYPE_HASH_OF_MAPS: _HASH_FLAGS,
    t.BPF_MAP_TYPE_ARRAY: _PLAIN | t.BPF_F_MMAPABLE | t.BPF_F_INNER_MAP,
    t.BPF_MAP_TYPE_PERCPU_ARRAY: _ACCESS,
    t.BPF_MAP_TYPE_PROG_ARRAY: _USER,
    t.BPF_MAP_TYPE_PERF_EVENT_ARRAY: _USER | t.BPF_F_PRESERVE_ELEMS,
    t.BPF_MAP_TYPE_CGROUP_ARRAY: _USER,
    t.BPF_MAP_TYPE_ARRAY_OF_MAPS: _USER,
    t.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: _PLAIN,
    t.BPF_MAP_TYPE_QUEUE: _PLAIN,
    t.BPF_MAP_TYPE_STACK: _PLAIN,
    t.BPF_MAP_TYPE_BLOOM_FILTER: _PLAIN | t.BPF_F_ZERO_SEED,
    t.BPF_MAP_TYPE_STACK_TRACE: _USER | t.BPF_F_STACK_BUILD_ID,
    t.BPF_MAP_TYPE_LPM_TRIE: _PLAIN | t.BPF_F_NO_PREALLOC,
    t.BPF_MAP_TYPE_RINGBUF: t.BPF_F_NUMA_NODE,
    t.BPF_MAP_TYPE_USER_RINGBUF: t.BPF_F_NUMA_NODE,
    t.BPF_MAP_TYPE_DEVMAP: _USER,
    t.BPF_MAP_TYPE_DEVMAP_HASH: _USER,
    t.BPF_MAP_TYPE_CPUMAP: t.BPF_F_NUMA_NODE,
    t.BPF_MAP_TYPE_XSKMAP: _USER,
    t.BPF_MAP_TYPE_SOCKMAP: _USER,
    t.BPF_MAP_TYPE_SOCKHASH: _USER,
    t.BPF_MAP_TYPE_SK_STORAGE: _STORAGE_FLAGS,
    t.BPF_MAP_TYPE_INODE_STORAGE: _STORAGE_FLAGS,
    t.BPF_MAP_TYPE_TASK_STORAGE: _STORAGE_FLAGS,
    t.BPF_MAP_TYPE_CGRP_STORAGE: _STORAGE_FLAGS,
    t.BPF_MAP_TYPE_CGROUP_STORAGE: _PLAIN,
    t.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: _PLAIN,
    t.BPF_MAP_TYPE_ARENA: t.BPF_F_MMAPABLE | t.BPF_F_SEGV_ON_FAULT | t.BPF_F_NO_USER_CONV,
}
_FLAG_NAMES: Final = tuple(
    (name, getattr(t, name))
    for name in (
        "BPF_F_NO_PREALLOC",
        "BPF_F_NO_COMMON_LRU",
        "BPF_F_NUMA_NODE",
        "BPF_F_RDONLY",
        "BPF_F_WRONLY",
        "BPF_F_STACK_BUILD_ID",
        "BPF_F_ZERO_SEED",
        "BPF_F_RDONLY_PROG",
        "BPF_F_WRONLY_PROG",
        "BPF_F_CLONE",
        "BPF_F_MMAPABLE",
        "BPF_F_PRESERVE_ELEMS",
        "BPF_F_INNER_MAP",
        "BPF_F_SEGV_ON_FAULT",
        "BPF_F_NO_USER_CONV",
    )
)
_EXCLUSIVE: Final = (
    (t.BPF_F_RDONLY | t.BPF_F_WRONLY, "BPF_F_RDONLY and BPF_F_WRONLY"),
    (t.BPF_F_RDONLY_PROG | t.BPF_F_WRONLY_PROG, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG"),
)


def _flags(spec: MapSpec) -> str:
    """The map flags, and map_extra, which most types have no use for."""
    wrong = spec.map_flags & ~_FLAGS.get(spec.map_type, spec.map_flags)
    if wrong:
        names = [name for name, value in _FLAG_NAMES if value & wrong]
        known = sum(value for _, value in _FLAG_NAMES if value & wrong)
        names += [f"{wrong & ~known:#x}"] if wrong & ~known else []
        return f"its type does not take the flag{'s' if len(names) > 1 else ''} {', '.join(names)}"
    if spec.map_flags & t.BPF_F_NUMA_NODE and spec.numa_node >= _NUMA_NODES:
        return f"there is no NUMA node {spec.numa_node}"
    for both, names_ in _EXCLUSIVE:
        if spec.map_flags & both == both:
            return f"it has both {names_}"
    if spec.map_type == t.BPF_MAP_TYPE_BLOOM_FILTER:
        return (
            "" if spec.map_extra <= _MAX_HASHES else f"map_extra is a number of hash functions, {_MAX_HASHES} at most"
        )
    if spec.map_type == t.BPF_MAP_TYPE_ARENA:
        return "" if spec.map_extra % _PAGE == 0 else "map_extra is an arena's address, and must be a page's"
    return "only bloom filters and arenas have map_extra" if spec.map_extra else ""


def refusal(spec: MapSpec) -> str:
    """Why the kernel would not create the map, "" if it would as far as its sizes and flags go."""
    known = max(_CHECKS) + 1
    if not 0 < spec.map_type < known:
        return f"{LINUX} has no map type {spec.map_type}"
    for check in (*_CHECKS.get(spec.map_type, ()), _flags):
        why = check(spec)
        if why:
            return why
    return refusal(spec.inner) if spec.inner else ""


# What an element of a map of maps has in common with the template (bpf_map_meta_equal()): name, and how to read it.
_EQUAL: Final[tuple[tuple[str, Callable[[MapSpec], int]], ...]] = (
    ("type", lambda spec: spec.map_type),
    ("key_size", lambda spec: spec.key_size),
    ("value_size", lambda spec: spec.value_size),
    ("map_flags", lambda spec: spec.map_flags),
)


def unfillable(spec: MapSpec, maps: Sequence[MapSpec], btf: Btf | None) -> str:
    """Why libbpf could not fill a map of maps that the source initialises, "" if it can.

    maps -- those of the object, which the slots number; btf -- the object's
    """
    if spec.inner is None:
        return ""
    filled: set[int] = set()
    for slot, number in spec.init_slots:
        if not isinstance(number, int):
            continue
        other = maps[number]
        into = f"its slot [{slot}] cannot hold '{other.full_name}'"
        filled.add(slot)
        if spec.map_type == t.BPF_MAP_TYPE_ARRAY_OF_MAPS and slot >= spec.max_entries:
            return f"{into}: max_entries is {spec.max_entries}"
        if len(filled) > spec.max_entries:
            return f"{into}: it is full, max_entries is {spec.max_entries}"
        different = _difference(spec.inner, other, btf)
        if different:
            return f"{into}: {different}"
    return ""


def _difference(template: MapSpec, other: MapSpec, btf: Btf | None) -> str:
    fixed_length = template.map_type == t.BPF_MAP_TYPE_XSKMAP or (
        template.map_type == t.BPF_MAP_TYPE_ARRAY and not template.map_flags & t.BPF_F_INNER_MAP
    )
    for name, read in (*_EQUAL, *((("max_entries", _length),) if fixed_length else ())):
        if read(template) != read(other):
            return f"its {name} is {read(other)}, and that of the maps in 'values' is {read(template)}"
    if btf is not None and _fields(template, btf) != _fields(other, btf):
        return "its values have other locks, timers or kernel pointers than those of the maps in 'values'"
    return ""


def _length(spec: MapSpec) -> int:
    return spec.max_entries


def _fields(spec: MapSpec, btf: Btf) -> tuple[rec.RecordField, ...]:
    if not spec.btf_value_type_id:
        return ()
    return tuple(rec.parse_fields(btf, spec.btf_value_type_id, rec.MAP_VALUE_FIELDS, spec.value_size).fields)


_RINGS: Final = (t.BPF_MAP_TYPE_RINGBUF, t.BPF_MAP_TYPE_USER_RINGBUF)
_USUAL_ENTRIES: Final = 1024
_USUAL_RING: Final = 256 << 10


def unset(spec: MapSpec) -> tuple[tuple[str, int], ...]:
    """Sizes that an application is to give the map before it loads the object (bpf_map__set_max_entries() and the
    like): members of its definition with usual values, with which the kernel would create it. () for other maps."""
    stacks = spec.map_type == t.BPF_MAP_TYPE_STACK_TRACE
    usual = replace(
        spec,
        value_size=spec.value_size or stacks * 8 * _MAX_STACK_DEPTH,
        max_entries=spec.max_entries or (_USUAL_RING if spec.map_type in _RINGS else _USUAL_ENTRIES),
    )
    if not refusal(spec) or refusal(usual):
        return ()
    sizes = ("value_size", usual.value_size, spec.value_size), ("max_entries", usual.max_entries, spec.max_entries)
    return tuple((name, new) for name, new, old in sizes if new != old)
