#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define MAX 128

struct data {
    u32 len;
    char buf[MAX];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, u32);
    __type(value, struct data);
    __uint(max_entries, 1);
} scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} out SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(struct trace_event_raw_sys_enter *ctx)
{
    const void *from = (const void *)ctx->args[1];
    u32 zero = 0;
    u64 len = ctx->args[2];
    struct data *d = bpf_map_lookup_elem(&scratch, &zero);

    if (!d)
        return 0;
    if (len > MAX)
        len = MAX;
    if (bpf_probe_read_user(d->buf, len, from))
        return 0;
    d->buf[len] = 0;
    d->len = len;
    bpf_ringbuf_output(&out, d, len, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
