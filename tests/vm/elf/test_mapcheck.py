from __future__ import annotations

import pytest

from tests.vm.elf.objects import build
from vm.elf import load_object
from vm.elf.mapcheck import refusal
from vm.kernel import types as k
from vm.program import MapSpec

GOOD = (
    MapSpec("m", k.BPF_MAP_TYPE_ARRAY, 4, 8, 1),
    MapSpec("m", k.BPF_MAP_TYPE_HASH, 1, 1, 1, k.BPF_F_NO_PREALLOC),
    MapSpec("m", k.BPF_MAP_TYPE_RINGBUF, 0, 0, 8192),
    MapSpec("m", k.BPF_MAP_TYPE_LPM_TRIE, 8, 1, 1, k.BPF_F_NO_PREALLOC),
    MapSpec("m", k.BPF_MAP_TYPE_STACK_TRACE, 4, 8 * 127, 1),
    MapSpec("m", k.BPF_MAP_TYPE_STACK_TRACE, 4, 32 * 127, 1, k.BPF_F_STACK_BUILD_ID),
    MapSpec("m", k.BPF_MAP_TYPE_QUEUE, 0, 4, 1),
    MapSpec("m", k.BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32768, 1),
    MapSpec("m", k.BPF_MAP_TYPE_ARRAY, 4, 5 << 20, 1, k.BPF_F_MMAPABLE | k.BPF_F_RDONLY_PROG),
    MapSpec("m", k.BPF_MAP_TYPE_CGROUP_STORAGE, 16, 8, 0),
    MapSpec("m", k.BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 4, map_extra=15),
    MapSpec("m", k.BPF_MAP_TYPE_ARENA, 0, 0, 1 << 20, k.BPF_F_MMAPABLE, map_extra=1 << 44),
)
BAD = (
    (MapSpec("m", k.BPF_MAP_TYPE_ARRAY, 4, 8, 0), "max_entries is 0"),
    (MapSpec("m", k.BPF_MAP_TYPE_ARRAY, 8, 8, 1), "4 bytes"),
    (MapSpec("m", k.BPF_MAP_TYPE_HASH, 0, 8, 1), "keys"),
    (MapSpec("m", k.BPF_MAP_TYPE_HASH, 4, 8 << 20, 1), "bytes"),
    (MapSpec("m", k.BPF_MAP_TYPE_LRU_HASH, 4, 8, 1, k.BPF_F_NO_PREALLOC), "NO_PREALLOC"),
    (MapSpec("m", k.BPF_MAP_TYPE_RINGBUF, 0, 0, 5000), "power of two"),
    (MapSpec("m", k.BPF_MAP_TYPE_RINGBUF, 4, 0, 4096), "neither"),
    (MapSpec("m", k.BPF_MAP_TYPE_LPM_TRIE, 8, 1, 1), "NO_PREALLOC"),
    (MapSpec("m", k.BPF_MAP_TYPE_STACK_TRACE, 4, 8 * 128, 1), "at most 127"),
    (MapSpec("m", k.BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1), "what they look like"),
    (
        MapSpec("m", k.BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, inner=MapSpec("i", k.BPF_MAP_TYPE_ARRAY, 4, 4, 0)),
        "max_entries is 0",
    ),
    (MapSpec("m", k.BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, k.BPF_F_NO_PREALLOC), "types of its key"),
    (MapSpec("m", 77, 4, 8, 1), "no map type 77"),
    # What a real kernel refused of maps of every type with every flag.
    (MapSpec("m", k.BPF_MAP_TYPE_ARRAY, 4, 8, 1, k.BPF_F_NO_PREALLOC), "does not take the flag BPF_F_NO_PREALLOC"),
    (MapSpec("m", k.BPF_MAP_TYPE_HASH, 4, 8, 1, k.BPF_F_MMAPABLE | 1 << 26), "flags BPF_F_MMAPABLE, 0x4000000"),
    (MapSpec("m", k.BPF_MAP_TYPE_HASH, 4, 8, 1, k.BPF_F_RDONLY | k.BPF_F_WRONLY), "both BPF_F_RDONLY and"),
    (MapSpec("m", k.BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 1, k.BPF_F_NUMA_NODE), "BPF_F_NUMA_NODE"),
    (MapSpec("m", k.BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32769, 1), "for each CPU"),
    (MapSpec("m", k.BPF_MAP_TYPE_QUEUE, 0, 5 << 20, 1), "more than"),
    (MapSpec("m", k.BPF_MAP_TYPE_CPUMAP, 4, 4, 9000), "8192 CPUs"),
    (MapSpec("m", k.BPF_MAP_TYPE_CGROUP_STORAGE, 4, 8, 0), "cgroup's number"),
    (MapSpec("m", k.BPF_MAP_TYPE_CGROUP_STORAGE, 8, 70000, 0), "more than 65407 bytes"),
    (MapSpec("m", k.BPF_MAP_TYPE_HASH, 4, 8, 1, map_extra=1), "map_extra"),
    (MapSpec("m", k.BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 4, map_extra=16), "15 at most"),
    (MapSpec("m", k.BPF_MAP_TYPE_ARENA, 0, 0, 4, k.BPF_F_MMAPABLE, map_extra=5), "address"),
    (MapSpec("m", k.BPF_MAP_TYPE_ARENA, 0, 0, (1 << 20) + 1, k.BPF_F_MMAPABLE), "pages"),
)


@pytest.mark.parametrize("spec", GOOD)
def test_maps_the_kernel_creates(spec: MapSpec) -> None:
    assert refusal(spec) == ""


@pytest.mark.parametrize(("spec", "words"), BAD)
def test_maps_the_kernel_refuses(spec: MapSpec, words: str) -> None:
    assert words in refusal(spec)


def test_a_program_with_such_a_map_is_named() -> None:
    source = """
    struct { __uint(type, 2); __type(key, __u32); __type(value, __u64); } empty SEC(".maps");
    SEC("xdp") int uses(struct xdp_md *ctx) { __u32 key = 0; return bpf_map_lookup_elem(&empty, &key) ? 1 : 2; }
    SEC("xdp") int free(struct xdp_md *ctx) { return 2; }
    """
    obj = load_object(build(source), "x")
    assert [p.name for p in obj.programs] == ["free"]
    ((name, why),) = obj.errors
    assert name == "uses" and "map 'empty': max_entries is 0" in why
