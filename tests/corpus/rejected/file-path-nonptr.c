#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("fentry/filp_close")
int BPF_PROG(closing, struct file *filp)
{
	char path[128];
	struct path p = BPF_CORE_READ(filp, f_path);

	if (bpf_d_path(&p, path, sizeof(path)) < 0)
		return 0;
	bpf_printk("closed %s", path);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
