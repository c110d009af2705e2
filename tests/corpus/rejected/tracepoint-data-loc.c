#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
    u32 loc = ctx->__data_loc_filename & 0xffff;
    char *name = (char *)ctx + loc;

    if (name[0] == '/' && name[1] == 't')
        bpf_printk("exec in /t...");
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
