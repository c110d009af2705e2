#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
int BPF_PROG(test_1, struct bpf_dummy_ops_state *state)
{
	if (!state)
		return 0;
	*((int *)state + 1) = 1;
	return 0;
}

SEC(".struct_ops")
struct bpf_dummy_ops dummy = {
	.test_1 = (void *)test_1,
};

char _license[] SEC("license") = "GPL";
