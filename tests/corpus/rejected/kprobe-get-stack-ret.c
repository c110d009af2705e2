#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64[64]);
} buffers SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} out SEC(".maps");

SEC("kprobe/do_exit")
int stacks(struct pt_regs *ctx)
{
    u32 zero = 0;
    u64 *frames = bpf_map_lookup_elem(&buffers, &zero);
    long n;

    if (!frames)
        return 0;
    n = bpf_get_stack(ctx, frames, 512, 0);
    bpf_perf_event_output(ctx, &out, BPF_F_CURRENT_CPU, frames, n);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
