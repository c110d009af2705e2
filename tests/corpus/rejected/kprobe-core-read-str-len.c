#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct event { u32 pid; char name[128]; };
struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} events SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct event);
} scratch SEC(".maps");

SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(on_open, int dfd, const char *filename)
{
    u32 zero = 0;
    struct event *e = bpf_map_lookup_elem(&scratch, &zero);
    int ret;

    if (!e)
        return 0;
    e->pid = bpf_get_current_pid_tgid() >> 32;
    ret = bpf_probe_read_user_str(e->name, sizeof(e->name), filename);
    bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, offsetof(struct event, name) + ret);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
