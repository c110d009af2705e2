#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/vfs_write")
int BPF_PROG(writing, struct file *file, const char *buf, size_t count)
{
	if (count && buf[0] == '{')
		bpf_printk("json");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
