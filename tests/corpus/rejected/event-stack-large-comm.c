#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct record {
    __u32 pid;
    char comm[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_STACK);
    __type(value, struct record);
    __uint(max_entries, 16);
} records SEC(".maps");

SEC("tracepoint/sched/sched_process_exit")
int on_exit(void *ctx)
{
    struct record r = {};

    r.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&r.comm, 32);
    bpf_map_push_elem(&records, &r, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
