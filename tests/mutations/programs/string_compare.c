#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define LEN 16

struct name {
    char text[LEN];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct name);
} wanted SEC(".maps");

__u64 matches;

SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
    char comm[LEN];
    __u32 zero = 0;
    struct name *want = bpf_map_lookup_elem(&wanted, &zero);

    if (!want)
        return 0;
    if (bpf_get_current_comm(comm, sizeof(comm)))
        return 0;
    for (int i = 0; i < LEN; i++) {
        if (comm[i] != want->text[i])
            return 0;
        if (!comm[i])
            break;
    }
    matches++;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
