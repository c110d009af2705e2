#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} routes SEC(".maps");

SEC("uprobe.s")
int find(struct pt_regs *ctx)
{
	__u64 key = 32;

	return bpf_map_lookup_elem(&routes, &key) ? 1 : 0;
}

char _license[] SEC("license") = "GPL";
