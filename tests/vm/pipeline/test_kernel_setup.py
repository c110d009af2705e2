"""What can be changed before a run on a real kernel."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from vm import pipeline
from vm.errors import InputError
from vm.pipeline import Setup
from vm.pipeline.kernel_setup import MAX_SET, prepared

SOURCE = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
const volatile unsigned int factor = 1;
const volatile char who[8] = "nobody";
int bias = 3;
int zeros[2];
struct who { __u32 pid; char comm[12]; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct who); __type(value, __u64);
} seen SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32);
} counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("kprobe/vfs_read") int reads(void *ctx) { bpf_printk("%d %s %d", factor, who, bias + zeros[1]); return 0; }
SEC("fentry/no_such_function") int BPF_PROG(opens) { return 0; }
SEC("xdp") int keep(struct xdp_md *ctx) { return XDP_PASS; }
SEC("perf_event") int timed(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def build() -> pipeline.Build:
    made, found = pipeline.built(pipeline.Source("c", SOURCE.encode()), pipeline.BuildOptions())
    assert found is not None, made.diagnostics
    return found


def test_what_can_be_set_is_told_by_name_and_type(build: pipeline.Build) -> None:
    found = pipeline.settable_before(build).as_json()
    assert [(each["name"], each["section"], each["type"], each["value"]) for each in found["variables"]] == [
        ("factor", ".rodata", "const volatile unsigned int", "1"),
        ("who", ".rodata", "const volatile char[8]", '"nobody"'),
        ("bias", ".data", "int", "3"),
        ("zeros", ".bss", "int[2]", "{0, 0}"),
    ]
    assert [(each["name"], each["key"], each["max_entries"], each["filled"]) for each in found["maps"]] == [
        ("seen", "struct who", 4, True), ("counts", "__u32", 1, True), ("events", "0 bytes", 4096, False),
    ]  # fmt: skip
    assert [(each["program"], each["target"], bool(each["devices"])) for each in found["programs"]] == [
        ("reads", "vfs_read", False), ("keep", "veth0", True), ("opens", "no_such_function", False),
    ]  # fmt: skip


def test_variables_sizes_entries_and_targets_are_set(build: pipeline.Build) -> None:
    setup = Setup(
        {"factor": "7", "who": '"me"', "bias": "-2", "zeros": "{0, 5}"},
        {"seen": 100, "events": 8192},
        (("seen", '{.pid = 7, .comm = "x"}', "9"), ("counts", "0", "1")),
        {"reads": "vfs_write", "opens": "fentry/vfs_open", "keep": "lo"},
    )
    obj, before = prepared(build, None, setup)
    maps = {spec.full_name: spec for spec in obj.maps}
    assert (maps[".rodata"].initial or b"")[:12] == struct.pack("<I8s", 7, b"me")
    assert maps[".data"].initial == struct.pack("<i", -2) and maps[".bss"].initial == struct.pack("<ii", 0, 5)
    assert (maps["seen"].max_entries, maps["events"].max_entries, maps["counts"].max_entries) == (100, 8192, 1)
    assert all(spec in obj.maps for program in obj.programs for spec in program.maps)
    seen, counts = ([spec.full_name for spec in obj.maps].index(name) for name in ("seen", "counts"))
    assert before.entries == (
        (seen, struct.pack("<I12s", 7, b"x"), struct.pack("<Q", 9)),
        (counts, bytes(4), b"\1" + bytes(7)),  # of one processor, in eight bytes
    )
    assert before.devices == {"keep": "lo"}
    programs = {program.name: program for program in obj.programs}
    assert (programs["reads"].section, programs["opens"].attach_btf_name) == ("kprobe/vfs_write", "vfs_open")


@pytest.mark.parametrize(
    ("setup", "why"),
    [
        (Setup(values={"nosuch": "1"}), "no global variable 'nosuch'; there are: factor, who, bias, zeros"),
        (Setup(values={"factor": "x"}), "The variable factor: a whole number"),
        (Setup(sizes={"nosuch": 1}), "no map 'nosuch' that can be resized; there are: seen, counts, events"),
        (Setup(sizes={".data": 2}), "no map '.data' that can be resized"),
        (Setup(sizes={"seen": 0}), "The size of the map seen has to be from 1 to 16777216; 0 is not"),
        (Setup(entries=(("events", "1", "1"),)), "no map 'events' that can be given entries; there are: seen, counts"),
        (Setup(entries=(("counts", "x", "1"),)), "A key of the map counts: a whole number"),
        (Setup(entries=(("counts", "0", "x"),)), "A value of the map counts: a whole number"),
        (Setup(targets={"nosuch": "x"}), "no program 'nosuch' to attach; there are: reads, keep, timed"),
        (Setup(targets={"keep": "eth0"}), "The target of keep is a network device: veth0 or lo"),
        (Setup(targets={"timed": "x"}), 'timed is attached as its section "perf_event" says'),
        (Setup(targets={"reads": ""}), "The target of reads has to have 1 to 128 characters"),
        (Setup(targets={"reads": "x" * 200}), "The target of reads has to have 1 to 128 characters"),
        (Setup(values={f"v{n}": "1" for n in range(MAX_SET + 1)}), "At most 64 variables can be set; these are 65"),
    ],
)
def test_what_cannot_be_set_is_said_with_its_name(build: pipeline.Build, setup: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        prepared(build, None, setup)
