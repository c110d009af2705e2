#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("raw_tp/sys_enter")
int format(void *ctx)
{
    char fmt[8] = "%d %d";
    char out[32];
    u64 args[2] = { 1, 2 };

    bpf_snprintf(out, sizeof(out), fmt, args, sizeof(args));
    bpf_printk("%s", out);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
