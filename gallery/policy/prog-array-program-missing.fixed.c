#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("?xdp")
int second(void *ctx)
{
	return 2;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__array(values, int(void *));
} next SEC(".maps");

SEC("xdp")
int first(void *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return 2;
}

char _license[] SEC("license") = "GPL";
