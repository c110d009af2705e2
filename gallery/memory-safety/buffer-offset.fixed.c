#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("iter/bpf_map_elem")
int dump(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;

	if (key && key[0] == 7)
		bpf_printk("found");
	return 0;
}

char _license[] SEC("license") = "GPL";
