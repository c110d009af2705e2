#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

extern int bpf_dynptr_from_xdp(struct xdp_md *x, u64 flags, struct bpf_dynptr *p) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, u32 off, void *buf, u32 len) __ksym;

SEC("xdp")
int sliced(struct xdp_md *ctx)
{
	struct bpf_dynptr ptr;
	struct ethhdr *eth, store;

	if (bpf_dynptr_from_xdp(ctx, 0, &ptr))
		return XDP_ABORTED;
	eth = bpf_dynptr_slice(&ptr, 0, &store, sizeof(store));
	return eth->h_proto == bpf_htons(0x0806) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
