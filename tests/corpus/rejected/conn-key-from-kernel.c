#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u64);
} starts SEC(".maps");

SEC("fexit/tcp_v4_connect")
int BPF_PROG(connect_done, struct sock *sk, struct sockaddr *addr, int len, int ret)
{
	u64 *ts = bpf_map_lookup_elem(&starts, sk);

	if (ts)
		bpf_printk("%llu ns", bpf_ktime_get_ns() - *ts);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
