#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} ring SEC(".maps");

__u64 lost;

SEC("tracepoint/syscalls/sys_enter_getpid")
int on_getpid(void *ctx)
{
    struct bpf_dynptr ptr;
    __u64 now = bpf_ktime_get_ns();
    __u64 *first;

    if (bpf_ringbuf_reserve_dynptr(&ring, 16, 0, &ptr)) {
        lost++;
        bpf_ringbuf_discard_dynptr(&ptr, 0);
        return 0;
    }
    first = bpf_dynptr_data(&ptr, 0, sizeof(*first));
    if (!first) {
        bpf_ringbuf_discard_dynptr(&ptr, 0);
        return 0;
    }
    *first = now;
    bpf_ringbuf_submit_dynptr(&ptr, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
