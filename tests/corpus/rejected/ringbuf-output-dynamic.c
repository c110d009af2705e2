#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct chunk {
	u32 len;
	u8 data[512];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct chunk);
} chunks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} out SEC(".maps");

SEC("uprobe")
int BPF_KPROBE(ssl_write, void *ssl, const void *buf, int len)
{
	u32 zero = 0;
	struct chunk *c = bpf_map_lookup_elem(&chunks, &zero);

	if (!c)
		return 0;
	if (len > sizeof(c->data))
		len = sizeof(c->data);
	c->len = len;
	bpf_probe_read_user(c->data, sizeof(c->data), buf);
	bpf_ringbuf_output(&out, c, sizeof(c->len) + c->len, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
