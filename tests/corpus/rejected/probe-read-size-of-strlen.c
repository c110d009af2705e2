#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("kprobe/security_inode_create")
int BPF_KPROBE(creating, struct inode *dir, struct dentry *dentry)
{
	struct qstr q = BPF_CORE_READ(dentry, d_name);
	char name[64] = {};

	bpf_probe_read_kernel(name, q.len, q.name);
	bpf_printk("%s", name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
