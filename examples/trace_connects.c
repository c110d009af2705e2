/* Which addresses programs connect to by TCP: fentry reads the kernel's own struct sock. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} ports SEC(".maps");

SEC("fentry/tcp_connect")
int BPF_PROG(on_connect, struct sock *sk)
{
	u32 port = sk->__sk_common.skc_dport;
	u32 address = sk->__sk_common.skc_daddr;
	u64 one = 1, *count;

	port = (port & 0xff) << 8 | port >> 8;
	count = bpf_map_lookup_elem(&ports, &port);
	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&ports, &port, &one, BPF_ANY);
	bpf_printk("connect to %pI4:%d", &address, port);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
