#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("iter/bpf_map_elem")
int reset(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *value = ctx->value;

	if (value)
		*value = 0;
	return 0;
}

char _license[] SEC("license") = "GPL";
