#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define ARGS 8
#define ARG_LEN 32

struct event {
    __u32 pid;
    __u32 argc;
    char args[ARGS][ARG_LEN];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct event);
} heap SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 18);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
    const char **argv = (const char **)ctx->args[1];
    __u32 zero = 0;
    struct event *e = bpf_map_lookup_elem(&heap, &zero);

    if (!e)
        return 0;
    e->pid = bpf_get_current_pid_tgid() >> 32;
    e->argc = 0;
    for (int i = 0; i < ARGS; i++) {
        const char *arg = 0;

        if (bpf_probe_read_user(&arg, sizeof(arg), &argv[i]) || !arg)
            break;
        bpf_probe_read_user_str(e->args[i], ARG_LEN, arg);
        e->argc++;
    }
    bpf_ringbuf_output(&events, e, sizeof(*e), 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
