#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))

struct blob {
	char bytes[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} blobs SEC(".maps");

SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(sending, struct sock *sk, struct msghdr *msg, int size)
{
	struct blob *b = bpf_ringbuf_reserve(&blobs, sizeof(*b), 0);
	int n = MIN(size, (int)sizeof(b->bytes));

	if (!b)
		return 0;
	bpf_probe_read_kernel(b->bytes, n, msg);
	bpf_ringbuf_submit(b, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
