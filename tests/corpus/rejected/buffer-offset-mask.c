#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define BUF 4096

struct store {
	u32 used;
	u8 bytes[BUF];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct store);
} stores SEC(".maps");

SEC("kprobe/vfs_write")
int BPF_KPROBE(on_write, struct file *file, const char *buf, size_t count)
{
	u32 zero = 0;
	struct store *s = bpf_map_lookup_elem(&stores, &zero);

	if (!s)
		return 0;
	bpf_probe_read_user(&s->bytes[s->used & (BUF - 1)], count & (BUF - 1), buf);
	s->used += count;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
