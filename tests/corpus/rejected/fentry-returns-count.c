#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

u64 calls;

SEC("fentry/vfs_fsync")
int BPF_PROG(syncing, struct file *file, int datasync)
{
	calls++;
	if (datasync)
		return datasync;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
