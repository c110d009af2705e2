#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, char[300]); } tmp SEC(".maps");

SEC("kprobe/sock_write_iter")
int BPF_KPROBE(wr, void *iocb, void *from, long len)
{
	u32 z = 0;
	char *p = bpf_map_lookup_elem(&tmp, &z);

	if (!p || len > 300)
		return 0;
	bpf_probe_read_kernel(p, len, from);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
