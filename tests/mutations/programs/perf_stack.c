#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define CPUS 64

struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(max_entries, 1024);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

__u64 samples[CPUS];
int last_stack[CPUS];

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
    __u32 cpu = bpf_get_smp_processor_id();
    long id = bpf_get_stackid(ctx, &stacks, 0);

    if (cpu >= CPUS)
        return 0;
    if (id < 0)
        return 0;
    samples[cpu] += 1;
    last_stack[cpu] = id;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
