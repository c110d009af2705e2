"""What maps do, by type: each at the kernel's own addresses, with the kernel's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vm.errors import InputError
from vm.kernel.names import map_type_name
from vm.program import MapSpec
from vm.runner.layout import round8
from vm.runner.maps.array import Array, ArrayOfMaps, PercpuArray, PerfEventArray, ProgArray
from vm.runner.maps.base import Map, Opaque, Places
from vm.runner.maps.hashmap import Hash, HashOfMaps, LruHash, LruPercpuHash, PercpuHash
from vm.runner.maps.lpm import LpmTrie
from vm.runner.maps.queue import BloomFilter, Queue, Stack
from vm.runner.maps.redirect import RedirectMap
from vm.runner.maps.ringbuf import RingBuf

BEHAVIOUR: Final[dict[int, type[Map]]] = {
    1: Hash,
    2: Array,
    3: ProgArray,
    4: PerfEventArray,
    5: PercpuHash,
    6: PercpuArray,
    9: LruHash,
    10: LruPercpuHash,
    11: LpmTrie,
    12: ArrayOfMaps,
    13: HashOfMaps,
    14: RedirectMap,
    16: RedirectMap,
    17: RedirectMap,
    22: Queue,
    23: Stack,
    25: RedirectMap,
    27: RingBuf,
    30: BloomFilter,
}

NOT_EMULATED: Final[dict[int, str]] = {
    7: "stack traces need a kernel stack",
    8: "there are no control groups",
    15: "there are no sockets",
    18: "there are no sockets",
    19: "there are no control groups",
    20: "there are no sockets",
    21: "there are no control groups",
    24: "there are no sockets",
    26: "structures of operations are attached, not run",
    28: "there are no files",
    29: "there is one task, without storage",
    31: "nobody writes from user space during a run",
    32: "there are no control groups",
    33: "there is no user space that shares memory",
}

_ARRAYS: Final = (2, 3, 4, 6, 12)
MAX_ELEMENT: Final = (4 << 20) - 48  # KMALLOC_MAX_SIZE - sizeof(struct htab_elem)


def behaviour(map_type: int) -> type[Map]:
    """The class of a map type; Opaque for types whose operations are not emulated."""
    return BEHAVIOUR.get(map_type, Opaque)


def check_spec(spec: MapSpec) -> None:
    """InputError for what BPF_MAP_CREATE refuses: sizes no map of the type can have."""
    name = spec.full_name or spec.name
    kind = map_type_name(spec.map_type)
    if min(spec.key_size, spec.value_size, spec.max_entries) < 0:
        raise InputError(f"Map {name} ({kind}) has a negative size.")
    if spec.map_type in _ARRAYS and spec.key_size != 4:
        raise InputError(f"Map {name} ({kind}) has a key of {spec.key_size} bytes; arrays have keys of 4 bytes.")
    if spec.map_type in BEHAVIOUR and spec.max_entries == 0 and spec.map_type != 4:
        raise InputError(f"Map {name} ({kind}) has max_entries 0.")
    if spec.map_type == 27 and (spec.max_entries & (spec.max_entries - 1) or spec.max_entries % 4096):
        raise InputError(
            f"Map {name} (ringbuf) has max_entries {spec.max_entries}; "
            "it must be a power of two and a multiple of 4096."
        )
    if spec.map_type in (1, 5, 9, 10, 13) and not 0 < spec.key_size + spec.value_size < MAX_ELEMENT:
        raise InputError(
            f"Map {name} ({kind}) has keys and values of {spec.key_size + spec.value_size:,} bytes together; "
            f"the kernel takes less than {MAX_ELEMENT:,}."
        )
    if spec.map_type in (1, 5, 9, 10, 13) and not spec.key_size:
        raise InputError(f"Map {name} ({kind}) has a key of 0 bytes.")
    if spec.map_type == 11 and not 5 <= spec.key_size <= 4 + 256:
        raise InputError(f"Map {name} (lpm_trie) has a key of {spec.key_size} bytes; it must have 5 to 260.")


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
