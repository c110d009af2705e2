#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");

SEC("kprobe/vfs_read")
int BPF_KPROBE(rd, void *file, char *buf, size_t count)
{
	void *p = bpf_ringbuf_reserve(&rb, count & 255, 0);

	if (p)
		bpf_ringbuf_submit(p, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
