#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 shared;

SEC("fentry/do_unlinkat")
int BPF_PROG(unlinked, int dfd, struct filename *name)
{
    if (name->refcnt.counter > 1)
        shared++;
    return 0;
}

char _license[] SEC("license") = "GPL";
