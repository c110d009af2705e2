"""Hooks that programs are attached to in a guest: a section without a way or a reason is a hole; each family fires."""

from __future__ import annotations

import pytest

from tests.vm.guests.firing import KERNELS, entry, fires, on_guests, ran, says
from vm import pipeline
from vm.elf.sections import SECTION_DEFS
from vm.errors import InputError
from vm.guests import hooks
from vm.guests.attaching import NotAttached
from vm.guests.images import busybox, version_key
from vm.guests.states import State
from vm.pipeline import BuildOptions, Source
from vm.program import Program

SHELL = (
    # Packets first: programs on vfs_read print so much that what comes late may not be kept.
    "b=/bin/busybox; $b ping -c 3 -W 2 10.0.0.2; $b ip link set lo up; "
    "echo bpf_mycc >/proc/sys/net/ipv4/tcp_congestion_control; "
    "$b httpd -p 127.0.0.1:80 -h /tmp; $b wget -q -O /dev/null http://127.0.0.1:80/x; $b killall busybox; true"
)
# Programs that print their name, and others that only have to be attached.
FAMILIES = says(
    fires(
        "void", 0,
        multi="kprobe.multi/vfs_r*", retmulti="kretprobe.multi/vfs_write", user="uprobe//bin/busybox:ENTRY",
        timed="perf_event", called="syscall", no_maps="usdt//bin/sockets:bpfscope:sent",
    )
    + fires("struct __sk_buff", 0, filter="socket", classic="tc", dissects="flow_dissector")
    + fires("struct __sk_buff", 1, group_skb="cgroup_skb/ingress")
    + fires("struct bpf_sock_addr", 1, connects="cgroup/connect4")
    + fires("struct bpf_sock", 1, creates="cgroup/sock_create")
    + fires("struct bpf_cgroup_dev_ctx", 1, device="cgroup/dev")
    + fires("struct bpf_sock_ops", 1, ops="sockops")
    + fires("struct bpf_sk_lookup", 1, lookup="sk_lookup")
    + fires("struct sk_reuseport_md", 1, reuse="sk_reuseport")
    + fires("struct sk_msg_md", 1, message="sk_msg")
    + fires("struct bpf_nf_ctx", 1, local="netfilter")
    + fires("struct xdp_md", 2, express="xdp", no_map="xdp/devmap")
    + """
SEC("struct_ops/init") void BPF_PROG(congestion, struct sock *sk) { SAY(congestion); }
SEC("struct_ops/ssthresh") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("struct_ops/cong_avoid") void BPF_PROG(avoids, struct sock *sk, __u32 a, __u32 b) { }
SEC("struct_ops/undo_cwnd") __u32 BPF_PROG(undo, struct sock *sk) { return 2; }
SEC(".struct_ops") struct tcp_congestion_ops mycc = {
	.init = (void *)congestion, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoids,
	.undo_cwnd = (void *)undo, .name = "bpf_mycc",
};
"""
)  # fmt: skip
SCHEDULER = says("""
struct sched_ext_ops { void (*running)(struct task_struct *p); char name[128]; };
SEC("struct_ops/running") void BPF_PROG(running, struct task_struct *p) { SAY(running); }
SEC(".struct_ops.link") struct sched_ext_ops mine = { .running = (void *)running, .name = "mine" };
""")
# What is not attached, whatever the kernel; and families that a kernel does not have: kernel -> names.
NEVER = {"message", "no_maps", "no_map"}
LACKING = {"5.10": {"multi", "retmulti", "local", "called"}, "6.1": {"multi", "retmulti", "local"}}
SILENT = {"called", "device", "reuse", "dissects", "threshold", "avoids", "undo"}


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


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_each_family_is_attached_and_fires(name: str, state: State) -> None:
    attached, said = ran(FAMILIES.replace("ENTRY", entry()), state, SHELL)
    lacking = NEVER | LACKING.get(name, set())
    assert {program for program, ok in attached.items() if not ok} == lacking
    assert set(attached) - lacking - SILENT <= said


# Of control groups, by the kernel that has it first: section -> context.
GROUPS = {
    "5.10": {
        **dict.fromkeys(
            (
                "bind4", "bind6", "connect4", "connect6", "getpeername4", "getpeername6", "getsockname4",
                "getsockname6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6",
            ),
            "bpf_sock_addr",
        ),
        **dict.fromkeys(("sock_create", "sock_release", "post_bind4", "post_bind6"), "bpf_sock"),
        **dict.fromkeys(("getsockopt", "setsockopt"), "bpf_sockopt"),
        "sysctl": "bpf_sysctl", "dev": "bpf_cgroup_dev_ctx",
    },
    "6.12": dict.fromkeys(
        ("connect_unix", "sendmsg_unix", "recvmsg_unix", "getpeername_unix", "getsockname_unix"), "bpf_sock_addr"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_the_network_workload_fires_the_hooks_of_control_groups(name: str, state: State) -> None:
    new = version_key(name) >= version_key("6.12")
    sections = {**GROUPS["5.10"], **(GROUPS["6.12"] if new else {})}
    text = "".join(
        f'SEC("cgroup/{section}") int on_{section}(struct {of} *c) {{ SAY({section}); return 1; }}\n'
        for section, of in sections.items()
    )
    if new:  # more than one program at once
        text += 'SEC("kprobe.session/vfs_read") int session(void *c) { SAY(session); return 0; }\n'
        text += f'SEC("uprobe.multi//bin/busybox:{entry()}") int begins(void *c) {{ SAY(begins); return 0; }}\n'
    attached, said = ran(says(text), state, workload="network")
    assert all(attached.values()), attached
    assert said >= set(sections) | ({"session", "begins"} if new else set())


def test_each_hook_of_control_groups_is_in_the_table() -> None:
    there = {each.name.removeprefix("cgroup/") for each in SECTION_DEFS if each.name.startswith("cgroup/")}
    known = {section for sections in GROUPS.values() for section in sections}
    assert there - known == {"skb", "sock"}  # another spelling of sock_create; cgroup_skb is fired above


DROP = """
#include <bpf/bpf_endian.h>
const volatile unsigned char dropped = 1;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64);
} drops SEC(".maps");
static __always_inline int drops_it(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&drops, &zero);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(0x0800) || ip->protocol != dropped || !n)
		return 0;
	*n += 1; // 5.10 has no atomic addition that returns a value
	return 1;
}
"""
WAYS = {
    "xdp": 'SEC("xdp") int drop(struct xdp_md *c)\n'
    "{ return drops_it((void *)(long)c->data, (void *)(long)c->data_end) ? XDP_DROP : XDP_PASS; }",
    "tc": 'SEC("tc") int drop(struct __sk_buff *c)\n'
    "{ return drops_it((void *)(long)c->data, (void *)(long)c->data_end) ? 2 : 0; }",
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("way", WAYS)
@on_guests
def test_pings_that_cross_the_pair_are_dropped(state: State, way: str) -> None:
    (build,) = pipeline.builds(Source("c", says(DROP + WAYS[way]).encode()), BuildOptions())
    for values, lost, count in (({}, 100, 2), ({"dropped": "17"}, 0, 0)):
        events = [
            event
            for told in pipeline.real(
                build, state, shell="/bin/busybox ping -c 2 -i 0.2 -W 1 10.0.0.2", seconds=20,
                setup=pipeline.Setup(values=values),
            )
            for event in told
        ]  # fmt: skip
        (attached,) = (event for event in events if event["what"] == "attached")
        assert (attached["ok"], attached["device"]) == (True, "veth0"), attached
        assert any(f"{lost}% packet loss" in event["text"] for event in events if event["what"] == "shell")
        held = [event["entries"] for event in events if event["what"] == "map" and event["map"] == "drops"]
        assert held[-1][0]["value_text"] == str(count)


@on_guests
def test_a_setup_is_carried_out_in_the_guest(states: dict[str, State]) -> None:
    text = says(
        """
const volatile char who[8] = "nobody";
int bias = 3;
struct {
	__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64);
} seen SEC(".maps");
SEC("kprobe/no_such_function") int probes(void *c)
{
	__u32 key = 7;
	__u64 *n = bpf_map_lookup_elem(&seen, &key);

	if (n && (*n)++ == 40)
		bpf_printk("HOOK %s%d", who, bias);
	return 0;
}
"""
    )
    (build,) = pipeline.builds(Source("c", text.encode()), BuildOptions())
    setup = pipeline.Setup(
        {"who": '"me"', "bias": "5"}, {"seen": 2}, (("seen", "7", "40"), ("seen", "8", "1")), {"probes": "vfs_read"}
    )
    state = next(iter(states.values()))
    events = [event for told in pipeline.real(build, state, setup=setup) for event in told]
    assert any("HOOK me5" in event.get("text", "") for event in events)
    held = [event["entries"] for event in events if event["what"] == "map" and event["map"] == "seen"]
    assert {each["key_text"] for each in held[-1]} == {"7", "8"}
    with pytest.raises(InputError, match="The map seen: the kernel refused the entry"):
        list(pipeline.real(build, state, setup=pipeline.Setup(entries=(("seen", "7", "1"), ("seen", "8", "1")))))


@on_guests
def test_a_scheduler_is_attached_from_6_18_on(states: dict[str, State]) -> None:
    for name in sorted({"6.18", "7.3"} & set(states)):
        assert ran(SCHEDULER, states[name], "/bin/busybox true") == ({"running": True}, {"running"})


# Programs that run for packets that another one redirects through a map: the kind, the map's type, what it is told.
REDIRECTED = {
    "devmap": ("BPF_MAP_TYPE_DEVMAP", "struct bpf_devmap_val"),
    "cpumap": ("BPF_MAP_TYPE_CPUMAP", "struct bpf_cpumap_val"),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("kind", REDIRECTED)
@on_guests
def test_packets_are_redirected_through_a_map(state: State, kind: str) -> None:
    of, value = REDIRECTED[kind]
    text = says(
        f"""
struct {{
	__uint(type, {of}); __uint(max_entries, 2); __type(key, __u32); __type(value, {value});
}} ways SEC(".maps");
SEC("xdp") int sends(struct xdp_md *c) {{ SAY(sends); return bpf_redirect_map(&ways, 0, 0); }}
SEC("xdp/{kind}") int gets(struct xdp_md *c) {{ SAY(gets); return XDP_PASS; }}
"""
    )
    attached, said = ran(text, state, "/bin/busybox ping -c 2 -i 0.2 -W 1 10.0.0.2; true")
    assert attached == {"sends": True, "gets": True}
    assert said == {"sends", "gets"}


@pytest.mark.parametrize(("entries", "way"), [((("ways", "0", "2"),), "sent"), ((), "refused")])
@on_guests
def test_a_device_map_is_filled_before_the_run(
    entries: tuple[tuple[str, str, str], ...], way: str, states: dict[str, State]
) -> None:
    text = says(
        """
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32);
} ways SEC(".maps");
SEC("xdp") int sends(struct xdp_md *c)
{
	if (bpf_redirect_map(&ways, 0, XDP_PASS) != XDP_REDIRECT) {
		SAY(refused);
		return XDP_PASS;
	}
	SAY(sent);
	return XDP_REDIRECT;
}
"""
    )
    shell = "/bin/busybox ping -c 2 -i 0.2 -W 1 10.0.0.2; true"
    assert ran(text, next(iter(states.values())), shell, entries=entries) == ({"sends": True}, {way})


@pytest.mark.parametrize("name", ["6.1", "6.12", "7.3"])
@on_guests
def test_both_ends_of_a_netkit_pair_fire(name: str, state: State) -> None:
    text = says(
        """
SEC("netkit/primary") int primary(struct __sk_buff *c) { SAY(primary); return -1; }
SEC("netkit/peer") int peer(struct __sk_buff *c) { SAY(peer); return -1; }
"""
    )
    attached, said = ran(text, state, workload="network")
    there = version_key(name) >= (6, 7)
    assert attached == {"primary": there, "peer": there}
    assert said == ({"primary", "peer"} if there else set())


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_probes_of_a_program_tell_their_arguments(state: State) -> None:
    """By address, by a cookie, and many at once: each kernel has another way."""
    text = says(
        """
#include <bpf/usdt.bpf.h>
SEC("usdt//bin/sockets:bpfscope:sent") int BPF_USDT(sends, int fd, long bytes)
{
	if (fd > 2 && bytes == 16)
		SAY(sends);
	return 0;
}
SEC("usdt//bin/sockets:bpfscope:received") int gets(struct pt_regs *ctx)
{
	long bytes = 0, none = 0;

	if (bpf_usdt_arg_cnt(ctx) == 2 && !bpf_usdt_arg(ctx, 1, &bytes) && bytes == 16 && bpf_usdt_arg(ctx, 2, &none) == -2)
		SAY(gets);
	return 0;
}
SEC("usdt//bin/sockets:bpfscope:lost") int loses(struct pt_regs *ctx) { return 0; }
"""
    )
    attached, said = ran(text, state, "/bin/busybox ip link set lo up; /bin/sockets")
    assert attached == {"sends": True, "gets": True, "loses": False}
    assert said == {"sends", "gets"}
