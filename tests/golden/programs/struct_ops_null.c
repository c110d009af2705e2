// An argument that may be null, used as it is.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("struct_ops")
int BPF_PROG(unchecked, struct bpf_dummy_ops_state *state)
{
	return state->val;
}

SEC(".struct_ops")
struct bpf_dummy_ops tested = {
	.test_1 = (void *)unchecked,
};

char _license[] SEC("license") = "GPL";
