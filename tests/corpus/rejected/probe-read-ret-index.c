#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PATH_LEN 256

struct entry {
	u32 pid;
	char path[PATH_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct entry);
} heap SEC(".maps");

SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(on_open, int dfd, const char *name)
{
	u32 zero = 0;
	struct entry *e = bpf_map_lookup_elem(&heap, &zero);
	int n;

	if (!e)
		return 0;
	n = bpf_probe_read_user_str(e->path, sizeof(e->path), name);
	if (n > PATH_LEN)
		return 0;
	e->path[n - 1] = '\n';
	bpf_printk("%s", e->path);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
