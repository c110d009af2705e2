#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp/syscalls/sys_enter_openat")
int enter(struct trace_event_raw_sys_enter *ctx)
{
    return ctx->id != 0;
}

char _license[] SEC("license") = "GPL";
