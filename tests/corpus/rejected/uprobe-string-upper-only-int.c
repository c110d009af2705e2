#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} lines SEC(".maps");

struct line {
    u32 pid;
    u32 len;
    char text[80];
};

SEC("uretprobe//bin/bash:readline")
int BPF_KRETPROBE(on_readline, const void *ret)
{
    struct line line = {};
    int n;

    if (!ret)
        return 0;
    line.pid = bpf_get_current_pid_tgid() >> 32;
    n = bpf_probe_read_user_str(line.text, sizeof(line.text), ret);
    if (n > 80)
        return 0;
    line.len = n;
    bpf_perf_event_output(ctx, &lines, BPF_F_CURRENT_CPU, &line, 8 + n);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
