"""Hooks that programs are attached to in a guest: a section without a way or a reason is a hole; each family fires."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from vm import pipeline
from vm.elf.sections import SECTION_DEFS
from vm.guests import hooks
from vm.guests.attaching import NotAttached
from vm.guests.images import busybox, images, missing
from vm.guests.states import State, prepare
from vm.pipeline import BuildOptions, Source
from vm.program import Program

SHELL = (
    "b=/bin/busybox; $b ip link set lo up; echo bpf_mycc >/proc/sys/net/ipv4/tcp_congestion_control; "
    "$b httpd -p 127.0.0.1:80 -h /tmp; $b wget -q -O /dev/null http://127.0.0.1:80/x; $b killall httpd; true"
)
# Programs that print their name, and others that only have to be attached.
FAMILIES = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#define SAY(name) bpf_printk("HOOK " #name)
SEC("kprobe.multi/vfs_r*") int multi(void *c) { SAY(multi); return 0; }
SEC("kretprobe.multi/vfs_write") int retmulti(void *c) { SAY(retmulti); return 0; }
SEC("uprobe//bin/busybox:ENTRY") int user(void *c) { SAY(user); return 0; }
SEC("perf_event") int timed(void *c) { SAY(timed); return 0; }
SEC("cgroup_skb/ingress") int group_skb(struct __sk_buff *c) { SAY(group_skb); return 1; }
SEC("cgroup/connect4") int connects(struct bpf_sock_addr *c) { SAY(connects); return 1; }
SEC("cgroup/sock_create") int creates(struct bpf_sock *c) { SAY(creates); return 1; }
SEC("cgroup/dev") int device(struct bpf_cgroup_dev_ctx *c) { return 1; }
SEC("sockops") int ops(struct bpf_sock_ops *c) { SAY(ops); return 1; }
SEC("socket") int filter(struct __sk_buff *c) { SAY(filter); return 0; }
SEC("sk_lookup") int lookup(struct bpf_sk_lookup *c) { SAY(lookup); return SK_PASS; }
SEC("sk_reuseport") int reuse(struct sk_reuseport_md *c) { return SK_PASS; }
SEC("flow_dissector") int dissects(struct __sk_buff *c) { return 0; }
SEC("netfilter") int local(struct bpf_nf_ctx *c) { SAY(local); return 1; }
SEC("tc") int classic(struct __sk_buff *c) { SAY(classic); return 0; }
SEC("xdp") int express(struct xdp_md *c) { SAY(express); return XDP_PASS; }
SEC("struct_ops/init") void BPF_PROG(congestion, struct sock *sk) { SAY(congestion); }
SEC("struct_ops/ssthresh") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("struct_ops/cong_avoid") void BPF_PROG(avoids, struct sock *sk, __u32 a, __u32 b) { }
SEC("struct_ops/undo_cwnd") __u32 BPF_PROG(undo, struct sock *sk) { return 2; }
SEC(".struct_ops") struct tcp_congestion_ops mycc = {
	.init = (void *)congestion, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoids,
	.undo_cwnd = (void *)undo, .name = "bpf_mycc",
};
SEC("syscall") int called(void *c) { return 0; }
SEC("sk_msg") int message(struct sk_msg_md *c) { return SK_PASS; }
SEC("usdt//init:a:b") int usdt(void *c) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""
SCHEDULER = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
struct sched_ext_ops { void (*running)(struct task_struct *p); char name[128]; };
SEC("struct_ops/running") void BPF_PROG(running, struct task_struct *p) { bpf_printk("HOOK running"); }
SEC(".struct_ops.link") struct sched_ext_ops mine = { .running = (void *)running, .name = "mine" };
char LICENSE[] SEC("license") = "GPL";
"""
# What is not attached, whatever the kernel; and families that a kernel does not have: kernel -> names.
NEVER = {"called", "message", "usdt"}
LACKING = {"5.10": {"multi", "retmulti", "local"}, "6.1": {"multi", "retmulti", "local"}}
SILENT = {"device", "reuse", "dissects", "threshold", "avoids", "undo"}


def test_each_section_of_libbpf_has_a_way_or_a_reason() -> None:
    for each in SECTION_DEFS:
        name = each.name.rstrip("+")
        section = f"{name}/x" if each.name.endswith("+") else name
        try:
            hooks.how(Program("p", section, each.prog_type, (), expected_attach_type=each.attach_type))
        except NotAttached:
            pytest.fail(f"nothing is said of {each.name}")


def test_a_symbol_is_found_in_the_file_and_nothing_else_is() -> None:
    shell = busybox()
    with pytest.raises(NotAttached, match="no ELF file"):
        hooks._offset(b"\x7fELF" + b"\xff" * 90, "/x", "main")
    if shell is not None:
        with pytest.raises(NotAttached, match="no symbol"):
            hooks._offset(shell.read_bytes(), "/bin/busybox", "main")


GUESTS = pytest.mark.skipif(bool(missing() or not busybox()), reason=missing() or "there is no busybox for workloads")


@pytest.fixture(scope="module")
def states() -> Iterator[dict[str, State]]:
    yield {image.name: prepare(image) for image in images()}


def entry() -> str:
    """Where busybox begins, as an offset in its file: a position-independent or a fixed executable."""
    from elftools.elf.elffile import ELFFile

    shell = busybox()
    assert shell is not None
    with shell.open("rb") as file:
        elf = ELFFile(file)
        address = elf.header["e_entry"]
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_LOAD" and 0 <= address - segment["p_vaddr"] < segment["p_filesz"]:
                return hex(address - segment["p_vaddr"] + segment["p_offset"])
    raise AssertionError("busybox has no code")


def ran(text: str, state: State, shell: str) -> tuple[dict[str, bool], set[str]]:
    """Which programs were attached, and which printed their name."""
    (build,) = pipeline.builds(Source("c", text.encode()), BuildOptions())
    assert not build.failed
    events = [event for told in pipeline.real(build, state, shell=shell, seconds=8) for event in told]
    attached = {event["program"]: event["ok"] for event in events if event["what"] == "attached"}
    said = {found[1] for event in events if (found := re.search(r"HOOK (\w+)", event.get("text", "")))}
    return attached, said


@pytest.mark.parametrize("name", ["5.10", "6.1", "6.12", "7.3"])
@pytest.mark.guests
@GUESTS
def test_each_family_is_attached_and_fires(name: str, states: dict[str, State]) -> None:
    if name not in states:
        pytest.skip(f"there is no Linux {name}")
    attached, said = ran(FAMILIES.replace("ENTRY", entry()), states[name], SHELL)
    lacking = NEVER | LACKING.get(name, set())
    assert {program for program, ok in attached.items() if not ok} == lacking
    assert set(attached) - lacking - SILENT <= said


@pytest.mark.guests
@GUESTS
def test_a_scheduler_is_attached_from_6_18_on(states: dict[str, State]) -> None:
    for name in sorted({"6.18", "7.3"} & set(states)):
        assert ran(SCHEDULER, states[name], "/bin/busybox true") == ({"running": True}, {"running"})
