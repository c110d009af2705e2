// The record is smaller than what is written.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int prog(void *ctx)
{
    volatile __u64 *e = bpf_ringbuf_reserve(&events, 16, 0);
    if (!e)
        return 0;
    e[2] = bpf_get_current_pid_tgid();
    bpf_ringbuf_submit((void *)e, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
