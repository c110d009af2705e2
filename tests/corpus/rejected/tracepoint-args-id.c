#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct write_args {
    u64 unused;
    long nr;
    long fd;
    const char *buf;
    size_t count;
    long result[1100];
};

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(struct write_args *ctx)
{
    if (ctx->result[1050] > 10)
        bpf_printk("wrote %ld", ctx->result[1050]);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
