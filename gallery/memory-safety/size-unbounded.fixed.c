#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#define __TARGET_ARCH_x86
#include <bpf/bpf_tracing.h>

SEC("kprobe/vfs_write")
int BPF_KPROBE(vfs_write, void *file, const char *buffer, __u32 count)
{
	char copy[64];

	if (count > sizeof(copy))
		count = sizeof(copy);
	bpf_probe_read_user(copy, count, buffer);
	return 0;
}

char _license[] SEC("license") = "GPL";
