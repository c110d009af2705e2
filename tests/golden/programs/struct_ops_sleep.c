// An operation that may not sleep.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops.s")
int BPF_PROG(asleep, struct bpf_dummy_ops_state *state)
{
	return state->val;
}

SEC(".struct_ops")
struct bpf_dummy_ops tested = {
	.test_2 = (void *)asleep,
};

char _license[] SEC("license") = "GPL";
