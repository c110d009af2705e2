#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

SEC("iter/bpf_map_elem")
int walk_map(struct bpf_iter__bpf_map_elem *ctx)
{
    u32 *key = ctx->key;
    u64 *value = ctx->value;

    BPF_SEQ_PRINTF(ctx->meta->seq, "%u: %llu\n", *key, value[0]);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
