#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 65536);
} rb SEC(".maps");

SEC("raw_tp/sys_enter")
int many(void *ctx)
{
    u64 *e;

    for (int i = 0; i < 4; i++) {
        e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
        if (!e)
            break;
        *e = bpf_get_prandom_u32();
        if (*e == 0)
            break;
        bpf_ringbuf_submit(e, 0);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
