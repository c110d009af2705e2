/* A cgroup's firewall: its tasks may connect to every port of IPv4 but one. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define FORBIDDEN 802

struct verdicts {
	u64 allowed;
	u64 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32); /* IPv4 address, as it is sent */
	__type(value, struct verdicts);
} peers SEC(".maps");

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	u32 address = ctx->user_ip4;
	int allowed = bpf_ntohs(ctx->user_port) != FORBIDDEN;
	struct verdicts none = {}, *verdicts;

	bpf_map_update_elem(&peers, &address, &none, BPF_NOEXIST);
	verdicts = bpf_map_lookup_elem(&peers, &address);
	if (verdicts) {
		verdicts->allowed += allowed;
		verdicts->refused += !allowed;
	}
	return allowed; /* 0: connect() fails with EPERM */
}

char LICENSE[] SEC("license") = "GPL";
