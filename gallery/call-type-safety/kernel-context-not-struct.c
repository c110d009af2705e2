#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp/syscalls/sys_enter_openat")
int enter(struct trace_event_raw_sys_enter *ctx)
{
    void *kernel = bpf_cast_to_kern_ctx(ctx);

    return kernel != NULL;
}

char _license[] SEC("license") = "GPL";
