"""What maps do, by type: each at the kernel's own addresses, with the kernel's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vm.errors import InputError
from vm.kernel import types as t
from vm.kernel.names import map_type_name
from vm.program import MapSpec
from vm.runner.layout import SIZES, round8
from vm.runner.maps.array import Array, ArrayOfMaps, PercpuArray, PerfEventArray, ProgArray
from vm.runner.maps.base import Map, Opaque, Places
from vm.runner.maps.hashmap import Hash, HashOfMaps, LruHash, LruPercpuHash, PercpuHash
from vm.runner.maps.lpm import LpmTrie
from vm.runner.maps.queue import BloomFilter, Queue, Stack
from vm.runner.maps.redirect import RedirectMap
from vm.runner.maps.ringbuf import RingBuf
from vm.runner.memory import PAGE

BEHAVIOUR: Final[dict[int, type[Map]]] = {
    t.BPF_MAP_TYPE_HASH: Hash,
    t.BPF_MAP_TYPE_ARRAY: Array,
    t.BPF_MAP_TYPE_PROG_ARRAY: ProgArray,
    t.BPF_MAP_TYPE_PERF_EVENT_ARRAY: PerfEventArray,
    t.BPF_MAP_TYPE_PERCPU_HASH: PercpuHash,
    t.BPF_MAP_TYPE_PERCPU_ARRAY: PercpuArray,
    t.BPF_MAP_TYPE_LRU_HASH: LruHash,
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: LruPercpuHash,
    t.BPF_MAP_TYPE_LPM_TRIE: LpmTrie,
    t.BPF_MAP_TYPE_ARRAY_OF_MAPS: ArrayOfMaps,
    t.BPF_MAP_TYPE_HASH_OF_MAPS: HashOfMaps,
    t.BPF_MAP_TYPE_DEVMAP: RedirectMap,
    t.BPF_MAP_TYPE_CPUMAP: RedirectMap,
    t.BPF_MAP_TYPE_XSKMAP: RedirectMap,
    t.BPF_MAP_TYPE_QUEUE: Queue,
    t.BPF_MAP_TYPE_STACK: Stack,
    t.BPF_MAP_TYPE_DEVMAP_HASH: RedirectMap,
    t.BPF_MAP_TYPE_RINGBUF: RingBuf,
    t.BPF_MAP_TYPE_BLOOM_FILTER: BloomFilter,
}

NOT_EMULATED: Final[dict[int, str]] = {
    t.BPF_MAP_TYPE_STACK_TRACE: "stack traces need a kernel stack",
    t.BPF_MAP_TYPE_CGROUP_ARRAY: "there are no control groups",
    t.BPF_MAP_TYPE_SOCKMAP: "there are no sockets",
    t.BPF_MAP_TYPE_SOCKHASH: "there are no sockets",
    t.BPF_MAP_TYPE_CGROUP_STORAGE: "there are no control groups",
    t.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: "there are no sockets",
    t.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: "there are no control groups",
    t.BPF_MAP_TYPE_SK_STORAGE: "there are no sockets",
    t.BPF_MAP_TYPE_STRUCT_OPS: "structures of operations are attached, not run",
    t.BPF_MAP_TYPE_INODE_STORAGE: "there are no files",
    t.BPF_MAP_TYPE_TASK_STORAGE: "there is one task, without storage",
    t.BPF_MAP_TYPE_USER_RINGBUF: "nobody writes from user space during a run",
    t.BPF_MAP_TYPE_CGRP_STORAGE: "there are no control groups",
    t.BPF_MAP_TYPE_ARENA: "there is no user space that shares memory",
}

_ARRAYS: Final = frozenset({
    t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_PROG_ARRAY, t.BPF_MAP_TYPE_PERF_EVENT_ARRAY, t.BPF_MAP_TYPE_PERCPU_ARRAY,
    t.BPF_MAP_TYPE_ARRAY_OF_MAPS,
})  # fmt: skip
_HASHES: Final = frozenset({
    t.BPF_MAP_TYPE_HASH, t.BPF_MAP_TYPE_PERCPU_HASH, t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_LRU_PERCPU_HASH,
    t.BPF_MAP_TYPE_HASH_OF_MAPS,
})  # fmt: skip
_NO_ENTRIES_NEEDED: Final = t.BPF_MAP_TYPE_PERF_EVENT_ARRAY  # libbpf gives it one for each CPU
_ARRAY_KEY: Final = 4
_HTAB_ELEM: Final = SIZES["htab_elem"]
MAX_ELEMENT: Final = (4 << 20) - _HTAB_ELEM  # KMALLOC_MAX_SIZE - sizeof(struct htab_elem)
_LPM_PREFIX: Final = 4  # sizeof(struct bpf_lpm_trie_key_hdr)
_LPM_SHORTEST, _LPM_LONGEST = _LPM_PREFIX + 1, _LPM_PREFIX + 256


def behaviour(map_type: int) -> type[Map]:
    """The class of a map type; Opaque for types whose operations are not emulated."""
    return BEHAVIOUR.get(map_type, Opaque)


def check_spec(spec: MapSpec) -> None:
    """InputError for what BPF_MAP_CREATE refuses: sizes no map of the type can have."""
    name = spec.full_name or spec.name
    kind = map_type_name(spec.map_type)
    if min(spec.key_size, spec.value_size, spec.max_entries) < 0:
        raise InputError(f"Map {name} ({kind}) has a negative size.")
    if spec.map_type in _ARRAYS and spec.key_size != _ARRAY_KEY:
        raise InputError(
            f"Map {name} ({kind}) has a key of {spec.key_size} bytes; arrays have keys of {_ARRAY_KEY} bytes."
        )
    if spec.map_type in BEHAVIOUR and spec.max_entries == 0 and spec.map_type != _NO_ENTRIES_NEEDED:
        raise InputError(f"Map {name} ({kind}) has max_entries 0.")
    if spec.map_type == t.BPF_MAP_TYPE_RINGBUF and (
        spec.max_entries & (spec.max_entries - 1) or spec.max_entries % PAGE
    ):
        raise InputError(
            f"Map {name} (ringbuf) has max_entries {spec.max_entries}; "
            f"it must be a power of two and a multiple of {PAGE}."
        )
    if spec.map_type in _HASHES and not 0 < spec.key_size + spec.value_size < MAX_ELEMENT:
        raise InputError(
            f"Map {name} ({kind}) has keys and values of {spec.key_size + spec.value_size:,} bytes together; "
            f"the kernel takes less than {MAX_ELEMENT:,}."
        )
    if spec.map_type in _HASHES and not spec.key_size:
        raise InputError(f"Map {name} ({kind}) has a key of 0 bytes.")
    if spec.map_type == t.BPF_MAP_TYPE_LPM_TRIE and not _LPM_SHORTEST <= spec.key_size <= _LPM_LONGEST:
        raise InputError(
            f"Map {name} (lpm_trie) has a key of {spec.key_size} bytes; it must have {_LPM_SHORTEST} to {_LPM_LONGEST}."
        )


def footprints(specs: Sequence[MapSpec]) -> tuple[int, int]:
    """Bytes all maps can need on the heap and in the per-CPU area."""
    heap = percpu = 0
    for spec in specs:
        kind = behaviour(spec.map_type)
        heap += round8(kind.footprint(spec)) + 128
        percpu += round8(kind.percpu_footprint(spec))
    return heap, percpu


def make_maps(specs: Sequence[MapSpec], places: Places, all_specs: Sequence[MapSpec] = ()) -> list[Map]:
    """One Map for each spec, initialised as libbpf would before the program is loaded.

    all_specs -- Object.maps, which the slots of maps of maps count; without it they count `specs`.
    """
    maps = [behaviour(spec.map_type)(spec, i, places) for i, spec in enumerate(specs)]
    counted = all_specs or specs

    def inner(number: int) -> Map:
        if not 0 <= number < len(counted):
            raise InputError(f"A map of maps names map number {number}, and there are {len(counted)}.")
        return next(each for each in maps if each.spec == counted[number])

    for each in maps:
        each.start(inner)
    return maps


def with_inner(specs: Sequence[MapSpec], all_specs: Sequence[MapSpec]) -> list[MapSpec]:
    """`specs`, and behind them the maps that their slots hold."""
    found = list(specs)
    for spec in specs:
        for _, target in spec.init_slots:
            if isinstance(target, int) and target < len(all_specs) and all_specs[target] not in found:
                found.append(all_specs[target])
    return found


__all__ = [
    "BEHAVIOUR", "NOT_EMULATED", "Array", "ArrayOfMaps", "BloomFilter", "Hash", "HashOfMaps", "LpmTrie", "LruHash",
    "LruPercpuHash", "Map", "Opaque", "PercpuArray", "PercpuHash", "PerfEventArray", "Places", "ProgArray", "Queue",
    "RedirectMap", "RingBuf", "Stack", "behaviour", "check_spec", "footprints", "make_maps", "with_inner",
]  # fmt: skip
