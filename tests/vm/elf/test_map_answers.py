"""Definitions of maps, and what libbpf 1.5 said of them on Linux 6.12, recorded with fuzz/guest/load; "" is created."""

from __future__ import annotations

import pytest

from tests.vm.elf.objects import build
from vm import pipeline
from vm.errors import InputError
from vm.program import Object

HEAD = """
struct bpf_spin_lock { unsigned val; };
struct bpf_timer { long a[2]; } __attribute__((aligned(8)));
struct task_struct { int pid; }; struct cgroup { int level; };
#define KPTR __attribute__((btf_type_tag("kptr")))
#define UNTRUSTED __attribute__((btf_type_tag("kptr_untrusted")))
struct locked { struct bpf_spin_lock lock; int n; };
struct locked_later { int n; struct bpf_spin_lock lock; };
struct timed { struct bpf_timer timer; };
struct task { struct task_struct KPTR *p; };
struct weak_task { struct task_struct UNTRUSTED *p; };
struct group { struct cgroup KPTR *p; };
struct word { long n; };
enum { HASH = 1, ARRAY = 2, PROGS = 3, PERCPU_ARRAY = 6, LRU = 9, LPM = 11, OUTER = 12, OUTER_HASH = 13, XSK = 17 };
enum { SOCKHASH = 18, CGROUP_STORAGE = 19, PERCPU_CGROUP_STORAGE = 21, QUEUE = 22, STRUCT_OPS = 26, RING = 27 };
enum { ARENA = 33, NO_PREALLOC = 1, NO_COMMON_LRU = 2, NUMA = 4, RDONLY_PROG = 128, MMAPABLE = 1024, INNER = 4096 };
"""
PROGRAM = 'SEC("xdp") int p(void *ctx) { return 2; }'
CREATED = ""
SLOT = "map 'm': failed to initialize slot [0] to map 'other' fd=5: -22"
REFUSED = "map 'm': failed to create: Invalid argument(-22)"
TOO_BIG = "map 'm': failed to create: Argument list too long(-7)"
NOT_SUPPORTED = "map 'm': failed to create: unknown error (-524)(-524)"


def a_map(rest: str, name: str = "m", qualifier: str = "") -> str:
    return f'{qualifier} struct {{ {rest} }} {name} SEC(".maps");'


def typed(kind: str, value: str = "int", entries: int = 4, rest: str = "") -> str:
    """Members of a definition with integer keys."""
    return f"__uint(type, {kind}); __uint(max_entries, {entries}); __type(key, int); __type(value, {value}); {rest}"


def outer(inner: str, other: str, slots: str = "(void *)&other") -> str:
    """A map of maps `m` that holds maps like `inner`, initialised with the map `other`."""
    return (
        f'struct inner {{ {inner} }}; struct {{ {other} }} other SEC(".maps");'
        "struct { __uint(type, OUTER); __uint(max_entries, 1); __type(key, int); __array(values, struct inner); }"
        f' m SEC(".maps") = {{ .values = {{ {slots} }} }};'
    )


def full(entries: int) -> str:
    return (
        f'struct inner {{ {typed("HASH")} }} a SEC(".maps"), b SEC(".maps"), c SEC(".maps");'
        f"struct {{ __uint(type, OUTER_HASH); __uint(max_entries, {entries}); __type(key, int);"
        ' __array(values, struct inner); } m SEC(".maps") = { .values = { [0] = &a, [5] = &b, [100] = &c } };'
    )


def holds(inner: str) -> str:
    return a_map(
        f"__uint(type, OUTER); __uint(max_entries, 1); __type(key, int); __array(values, struct {{ {inner} }});"
    )


FLAGS = "__uint(map_flags, {})".format
ANSWERS = {
    "static": (a_map(typed("HASH"), qualifier="static"), "map 'm': unsupported map linkage static."),
    "hidden": (
        a_map(typed("HASH"), name="m __attribute__((visibility(\"hidden\")))"),
        "map 'm': unsupported map linkage static.",
    ),
    "weak": (a_map(typed("HASH"), name="m __attribute__((weak))"), CREATED),
    "const": (a_map(typed("HASH"), qualifier="const"), CREATED),
    "unknown pinning": (a_map(typed("HASH", rest="__uint(pinning, 7);")), "map 'm': invalid pinning value 7."),
    "pinned": (a_map(typed("HASH", rest="__uint(pinning, 1);")), CREATED),
    "two arenas": (
        f"struct {{ __uint(type, ARENA); {FLAGS('MMAPABLE')}; __uint(max_entries, 1); }}"
        ' m SEC(".maps"), n SEC(".maps");',
        "map 'n': only single ARENA map is supported (map 'm' is also ARENA)",
    ),
    "outer of long values": (
        a_map(
            "__uint(type, OUTER_HASH); __uint(max_entries, 4); __type(key, int); __type(value, long);"
            "__array(values, struct { __uint(type, RING); __uint(max_entries, 4096); });"
        ),
        "map 'm': conflicting value size 8 != 4.",
    ),
    "initialised hash of long keys": (
        f'struct inner {{ {typed("HASH")} }} a SEC(".maps");'
        "struct { __uint(type, OUTER_HASH); __uint(max_entries, 2); __type(key, long); __array(values, struct inner); }"
        ' m SEC(".maps") = { .values = { &a } };',
        ".maps relo #0: hash-of-maps 'm' should have key size 4.",
    ),
    "subprogram in a program array": (
        "__noinline int q(void *ctx) { return ctx != 0; }"
        "struct { __uint(type, PROGS); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int (void *)); }"
        ' m SEC(".maps") = { .values = { [1] = &q } };',
        ".maps relo #0: 'q' isn't a valid program reference",
    ),
    "program array inside": (holds(typed("PROGS")), NOT_SUPPORTED),
    "cgroup storage inside": (
        holds("__uint(type, CGROUP_STORAGE); __type(key, __u64); __type(value, int);"),
        NOT_SUPPORTED,
    ),
    "storage per CPU inside": (
        holds("__uint(type, PERCPU_CGROUP_STORAGE); __type(key, __u64); __type(value, int);"),
        NOT_SUPPORTED,
    ),
    "arena inside": (holds(f"__uint(type, ARENA); {FLAGS('MMAPABLE')}; __uint(max_entries, 1);"), CREATED),
    "longer hash": (outer(typed("HASH"), typed("HASH", entries=800)), CREATED),
    "longer per-CPU array": (outer(typed("PERCPU_ARRAY"), typed("PERCPU_ARRAY", entries=8)), CREATED),
    "longer array": (outer(typed("ARRAY"), typed("ARRAY", entries=8)), SLOT),
    "longer flexible array": (
        outer(typed("ARRAY", rest=f"{FLAGS('INNER')};"), typed("ARRAY", entries=8, rest=f"{FLAGS('INNER')};")),
        CREATED,
    ),
    "only the other flexible": (outer(typed("ARRAY"), typed("ARRAY", rest=f"{FLAGS('INNER')};")), SLOT),
    "longer AF_XDP map": (outer(typed("XSK"), typed("XSK", entries=8)), SLOT),
    "another type": (outer(typed("HASH"), typed("LRU")), SLOT),
    "another key": (outer(typed("HASH"), typed("HASH").replace("key, int", "key, long")), SLOT),
    "another value": (outer(typed("HASH"), typed("HASH", "long")), SLOT),
    "other flags": (outer(typed("HASH"), typed("HASH", rest=f"{FLAGS('NO_PREALLOC')};")), SLOT),
    "read-only": (outer(typed("HASH"), typed("HASH", rest=f"{FLAGS('RDONLY_PROG')};")), SLOT),
    "same lock": (outer(typed("HASH", "struct locked"), typed("HASH", "struct locked")), CREATED),
    "same timer": (outer(typed("HASH", "struct timed"), typed("HASH", "struct timed")), CREATED),
    "same kernel pointer": (outer(typed("HASH", "struct task"), typed("HASH", "struct task")), CREATED),
    "lock elsewhere": (outer(typed("HASH", "struct locked"), typed("HASH", "struct locked_later")), SLOT),
    "other kind of pointer": (outer(typed("HASH", "struct task"), typed("HASH", "struct weak_task")), SLOT),
    "pointer to another struct": (outer(typed("HASH", "struct task"), typed("HASH", "struct group")), SLOT),
    "number for a pointer": (outer(typed("HASH", "struct task"), typed("HASH", "struct word")), SLOT),
    "pointer for a number": (outer(typed("HASH", "struct word"), typed("HASH", "struct task")), SLOT),
    "slot past the end": (
        outer(typed("HASH"), typed("HASH"), "[3] = (void *)&other"),
        "map 'm': failed to initialize slot [3] to map 'other' fd=5: -7",
    ),
    "full hash": (full(2), "map 'm': failed to initialize slot [2] to map 'c' fd=7: -7"),
    "hash with any slots": (full(3), CREATED),
    "NUMA node 0": (a_map(typed("HASH", rest=f"{FLAGS('NUMA')};")), CREATED),
    "NUMA node without the flag": (a_map(typed("HASH", rest="__uint(numa_node, 1);")), CREATED),
    "NUMA node that is not there": (a_map(typed("HASH", rest=f"{FLAGS('NUMA')}; __uint(numa_node, 1);")), REFUSED),
    "NUMA node and no common list": (a_map(typed("LRU", rest=f"{FLAGS('NUMA | NO_COMMON_LRU')};")), REFUSED),
    "long key of sockets": (
        a_map("__uint(type, SOCKHASH); __uint(max_entries, 1); __uint(key_size, 512); __uint(value_size, 4);"),
        CREATED,
    ),
    "longer key of sockets": (
        a_map("__uint(type, SOCKHASH); __uint(max_entries, 1); __uint(key_size, 513); __uint(value_size, 4);"),
        TOO_BIG,
    ),
    "many buckets": (a_map(typed("HASH", entries=(1 << 27) + 1, rest=f"{FLAGS('NO_PREALLOC')};")), TOO_BIG),
    "many sockets": (a_map(typed("SOCKHASH", entries=(1 << 27) + 1)), REFUSED),
    "long queue": (
        a_map("__uint(type, QUEUE); __uint(max_entries, 8388607); __uint(value_size, 512);"),
        TOO_BIG,
    ),
    "any number of prefixes": (
        a_map(
            "__uint(type, LPM); __uint(max_entries, 4294967295); __uint(map_flags, 1); __uint(key_size, 8);"
            "__uint(value_size, 8);"
        ),
        CREATED,
    ),
    # libbpf itself fails here, in the application's process: it looks for the variable such a map is made of.
    "operations without a variable": (a_map(typed("STRUCT_OPS")), "Segmentation fault"),
}  # fmt: skip


def loaded(definitions: str) -> Object:
    data = build(HEAD + definitions + PROGRAM)
    return pipeline.load(pipeline.Source("elf", data, "m.o"), pipeline.BuildOptions())


@pytest.mark.parametrize("name", ANSWERS)
def test_maps_are_created_where_the_kernel_creates_them(name: str) -> None:
    definitions, said = ANSWERS[name]
    try:
        obj = loaded(definitions)
        refused = "; ".join(why for _, why in obj.errors)
    except InputError as error:
        refused = error.message
    assert bool(refused) == bool(said), refused or said
    # "other" stands for the map of that name where libbpf names one.
    assert ("other" in refused) == ("'other'" in said)


def test_types_with_a_number_of_four_gibibytes_are_refused() -> None:
    """The kernel's log has no source lines then: __uint(max_entries, 1 << 30) is an array of 4 GiB."""
    for entries, taken in ((1 << 29, True), ((1 << 30) - 1, True), (1 << 30, False)):
        sizes = "__uint(map_flags, 1); __uint(key_size, 8); __uint(value_size, 8);"
        obj = loaded(a_map(f"__uint(type, LPM); __uint(max_entries, {entries}); {sizes}"))
        assert (obj.programs[0].btf is not None) == taken
