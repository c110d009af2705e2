#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt)
{
    return bpf_get_func_ip(ctx) != 0;
}

char _license[] SEC("license") = "GPL";
