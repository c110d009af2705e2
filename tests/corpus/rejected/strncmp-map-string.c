#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, char[16]);
} target SEC(".maps");

SEC("tp/sched/sched_process_exec")
int match(void *ctx)
{
	char comm[16];
	u32 zero = 0;
	char *t = bpf_map_lookup_elem(&target, &zero);

	if (!t || bpf_get_current_comm(comm, sizeof(comm)))
		return 0;
	if (bpf_strncmp(comm, sizeof(comm), t) == 0)
		bpf_printk("found");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
