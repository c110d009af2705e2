"""How long reads take: a probe at the entry, one at the return, and a map that both use. Needs headers, and `u64`."""

from __future__ import annotations

TIMED_READS = """struct name {
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, u64);
	__uint(max_entries, 1024);
} begun SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct name);
	__type(value, u64);
	__uint(max_entries, 256);
} taken SEC(".maps");

SEC("kprobe/vfs_read")
int at_entry(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&begun, &id, &now, BPF_ANY);
	return 0;
}

SEC("kretprobe/vfs_read")
int at_return(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), *begin = bpf_map_lookup_elem(&begun, &id), took;
	struct name name = {};

	if (!begin)
		return 0;
	took = bpf_ktime_get_ns() - *begin;
	bpf_get_current_comm(name.text, sizeof(name.text));
	bpf_map_update_elem(&taken, &name, &took, BPF_ANY);
	bpf_map_delete_elem(&begun, &id);
	return 0;
}
"""
