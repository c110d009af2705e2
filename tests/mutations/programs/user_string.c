#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define MOST 128

struct record {
    int len;
    char text[MOST];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct record);
} scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} out SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_chdir")
int on_chdir(struct trace_event_raw_sys_enter *ctx)
{
    __u32 zero = 0;
    struct record *r = bpf_map_lookup_elem(&scratch, &zero);

    if (!r)
        return 0;

    long n = bpf_probe_read_user_str(r->text, sizeof(r->text), (const char *)ctx->args[0]);

    if (n < 1)
        return 0;
    if (n > MOST)
        return 0;
    r->len = n;
    bpf_ringbuf_output(&out, r->text, n, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
