#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/pfn_pte")
int on_call(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
