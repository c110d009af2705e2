#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct pair {
	u32 total;
	char bytes[512];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pair);
} pairs SEC(".maps");

SEC("kprobe/vfs_rename")
int BPF_KPROBE(renamed, const char *from, const char *to)
{
	u32 zero = 0;
	struct pair *p = bpf_map_lookup_elem(&pairs, &zero);
	long l1, l2;

	if (!p)
		return 0;
	l1 = bpf_probe_read_kernel_str(p->bytes, 256, from);
	if (l1 < 0)
		return 0;
	l2 = bpf_probe_read_kernel_str(p->bytes + l1, 512 - l1, to);
	p->total = l1 + l2;
	p->bytes[p->total] = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
