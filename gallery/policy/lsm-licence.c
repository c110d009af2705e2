#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("lsm/inode_permission")
int on_call(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "Proprietary";
