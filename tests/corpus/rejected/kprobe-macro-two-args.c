#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/vfs_read")
int BPF_PROG(reading, struct file *file, char *buf, size_t count, loff_t *pos, int nothere)
{
	if (nothere)
		bpf_printk("%d", nothere);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
