#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MAX_DATA 1024

struct data {
	u32 pid;
	char text[MAX_DATA];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} rb SEC(".maps");

SEC("uprobe")
int BPF_KPROBE(probe_write, void *ssl, void *buf, int num)
{
	struct data *d;

	d = bpf_ringbuf_reserve(&rb, sizeof(*d), 0);
	if (!d)
		return 0;
	d->pid = bpf_get_current_pid_tgid() >> 32;
	if (num > MAX_DATA)
		num = MAX_DATA;
	bpf_probe_read_user(d->text, num, buf);
	bpf_ringbuf_submit(d, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
