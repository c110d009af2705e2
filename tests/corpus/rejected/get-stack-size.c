#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define DEPTH 64

struct trace {
	u64 ip[DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct trace);
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} out SEC(".maps");

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	u32 zero = 0;
	struct trace *t = bpf_map_lookup_elem(&traces, &zero);
	int len;

	if (!t)
		return 0;
	len = bpf_get_stack(ctx, t->ip, sizeof(t->ip), BPF_F_USER_STACK);
	if (len == 0)
		return 0;
	bpf_perf_event_output(ctx, &out, BPF_F_CURRENT_CPU, t, len);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
