#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define CHUNK 256

struct chunk {
    __u64 len;
    char data[CHUNK];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct chunk);
} heap SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(int));
    __uint(value_size, sizeof(int));
} output SEC(".maps");

SEC("kprobe/tty_write")
int on_write(struct pt_regs *ctx)
{
    const void *buf = (const void *)ctx->si;
    __u64 count = ctx->dx;
    __u32 zero = 0;
    struct chunk *c = bpf_map_lookup_elem(&heap, &zero);

    if (!c)
        return 0;
    if (count > CHUNK)
        return 0;
    c->len = count;
    if (bpf_probe_read_user(c->data, count, buf))
        return 0;
    bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, c, sizeof(*c));
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
