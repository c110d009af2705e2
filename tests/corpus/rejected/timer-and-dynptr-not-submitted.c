#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} rb SEC(".maps");

SEC("tp/syscalls/sys_enter_getpid")
int on_getpid(void *ctx)
{
    struct bpf_dynptr ptr;
    u64 now = bpf_ktime_get_ns();
    u64 *at;

    if (bpf_ringbuf_reserve_dynptr(&rb, 64, 0, &ptr)) {
        bpf_ringbuf_discard_dynptr(&ptr, 0);
        return 0;
    }
    bpf_dynptr_write(&ptr, 8, &now, sizeof(now), 0);
    at = bpf_dynptr_data(&ptr, 0, sizeof(*at));
    if (at)
        *at = now;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
