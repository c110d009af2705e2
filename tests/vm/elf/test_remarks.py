"""What the loader says beside errors: licenses, symbols, legacy maps, each with a fix that settles it."""

from __future__ import annotations

import struct

import pytest

from tests.vm.elf.objects import PRELUDE, build
from vm.csource.text import apply
from vm.elf import load_object
from vm.errors import InputError
from vm.kernel import types as k
from vm.program import Object

UNLICENSED = PRELUDE.replace('char _license[] SEC("license") = "GPL";', "")
CLOCK = """
struct pt_regs { long r; };
static __u64 (*bpf_get_current_task)(void) = (void *)35;
static __u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
"""


def load(source: str) -> Object:
    return load_object(build(source, prelude=False), "p", guess=True, source=source)


@pytest.mark.parametrize("license_line", ["", 'char _license[] SEC("license") = "Proprietary";\n'])
def test_a_helper_that_wants_the_gpl(license_line: str) -> None:
    source = UNLICENSED + CLOCK + license_line
    quiet = 'SEC("kprobe/vfs_read") int f(struct pt_regs *ctx) { return bpf_get_current_pid_tgid(); }'
    loud = 'SEC("kprobe/vfs_read") int g(struct pt_regs *ctx) { return bpf_get_current_task(); }'
    assert load(source + quiet).remarks == ()
    (remark,) = load(source + loud).remarks
    assert "bpf_get_current_task()" in remark.message and remark.fix is not None
    fixed = apply(source + loud, remark.fix)
    assert load(fixed).remarks == () and load(fixed).license == "GPL"


MAP_DEF = """
struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };
struct value { __u64 packets, bytes; };
struct bpf_map_def SEC("maps") counts = {
    .type = 1, /* BPF_MAP_TYPE_HASH, one for each port */
    .key_size = sizeof(__u32),
    .value_size = sizeof(struct value),
    .max_entries = 1 << 10,
    .map_flags = 1,
};
struct bpf_map_def second SEC("maps") = { 2, sizeof(int), 4 * 2, 8 };
"""
MAP_USER = """
SEC("xdp") int f(struct xdp_md *ctx)
{
    __u32 key = ctx->rx_queue_index;
    struct value *v = bpf_map_lookup_elem(&counts, &key);
    __u64 *w = bpf_map_lookup_elem(&second, &key);
    return v ? v->packets + (w ? *w : 0) : 2;
}
"""


def test_legacy_maps_are_made_as_libbpf_0_did_and_offered_in_todays_form() -> None:
    source = PRELUDE + MAP_DEF + MAP_USER
    obj = load(source)
    assert not obj.errors
    shapes = [(m.full_name, m.map_type, m.key_size, m.value_size, m.max_entries, m.map_flags) for m in obj.maps]
    assert shapes == [("counts", 1, 4, 16, 1024, 1), ("second", 2, 4, 8, 8, 0)]
    assert {m.full_name for m in obj.programs[0].maps} == {"counts", "second"}
    (remark,) = obj.remarks
    assert "libbpf 1.x" in remark.message and remark.fix is not None
    fixed = apply(source, remark.fix)
    assert "struct bpf_map_def SEC" not in fixed and "__type(key, __u32);" in fixed
    again = load(fixed)
    assert again.remarks == ()
    assert [
        (m.full_name, m.map_type, m.key_size, m.value_size, m.max_entries, m.map_flags) for m in again.maps
    ] == shapes


def test_legacy_maps_of_iproute2() -> None:
    source = (
        PRELUDE
        + """
struct bpf_elf_map { __u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx; };
struct bpf_elf_map SEC("maps") inside = { .type = 2, .size_key = 4, .size_value = 8, .max_elem = 1, .id = 7 };
struct bpf_elf_map SEC("maps") outside = { .type = 12, .size_key = 4, .size_value = 4, .max_elem = 2, .inner_id = 7 };
SEC("classifier") int f(void *skb) { __u32 key = 0; return bpf_map_lookup_elem(&outside, &key) != 0; }
"""
    )
    inside, outside = load(source).maps
    assert outside.inner is not None and outside.inner.value_size == 8 and inside.inner is None


def test_definitions_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="no map definitions of one size"):
        load(PRELUDE + 'int a[5] SEC("maps") = {1}; int b SEC("maps") = 2; SEC("xdp") int f(void *c) { return 2; }')


def test_objects_of_old_compilers_and_with_many_symbols() -> None:
    """As libbpf: no machine is a BPF object's too, and symbols are not counted."""
    data = bytearray(build('SEC("xdp") int f(void *ctx) { return 2; }'))
    struct.pack_into("<H", data, 18, 0)
    assert load_object(bytes(data), "p").programs[0].prog_type == k.BPF_PROG_TYPE_XDP
    names = '__asm__(".section .data\\n' + "".join(f"sym{n}:\\n" for n in range(12_048)) + '.byte 1\\n");\n'
    obj = load_object(build(names + 'SEC("xdp") int f(void *ctx) { return 2; }'), "p")
    assert [p.name for p in obj.programs] == ["f"]


SIZED_LATER = """
struct { __uint(type, 7); __uint(key_size, 4); } stacks SEC(".maps");
struct {
    __uint(type, 1);
    __uint(max_entries, 0); /* set by the application: } m SEC(".maps") */
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");
struct {
    __uint(type, 27);
} events SEC(".maps");
struct {
    __uint(type, 2);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u64);
} known SEC(".maps");
SEC("socket") int f(void *ctx) { return 0; }
"""


def test_maps_whose_sizes_the_application_sets() -> None:
    from vm.elf.mapcheck import refusal

    source = PRELUDE + SIZED_LATER
    obj = load(source)
    (remark,) = obj.remarks
    assert "no value_size and no max_entries for stacks, counts, events:" in remark.message
    assert "bpf_map__set_value_size() and bpf_map__set_max_entries()" in remark.message
    assert remark.fix is not None and remark.line == source.split("stacks SEC")[0].count("\n") + 1
    fixed = load(apply(source, remark.fix))
    assert fixed.remarks == () and [refusal(spec) for spec in fixed.maps] == [""] * 4
    assert [spec.max_entries for spec in fixed.maps] == [1024, 1024, 256 << 10, 2]


@pytest.mark.parametrize(
    "text",
    [
        'struct { __uint(type, 1); __type(key, int); __type(value, int); __uint(max_entries, 1); } m SEC(".maps");',
        'struct { __uint(type, 12); __type(key, int); __type(value, int); } m SEC(".maps");',
        'struct { __uint(type, 4); __type(key, int); __type(value, int); } m SEC(".maps");',
    ],
    ids=["all of them are given", "more than sizes is missing", "libbpf sets it"],
)
def test_maps_without_sizes_to_set(text: str) -> None:
    assert load(f'{PRELUDE}{text}\nSEC("socket") int f(void *ctx) {{ return 0; }}\n').remarks == ()
