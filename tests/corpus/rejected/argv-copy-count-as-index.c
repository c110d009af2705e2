#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define ARGS 8
#define ARG_LEN 32

struct args {
    char text[ARGS][ARG_LEN];
    u32 count;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, u32);
    __type(value, struct args);
    __uint(max_entries, 1);
} heap SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
    const char **argv = (const char **)ctx->args[1];
    u32 zero = 0;
    struct args *a = bpf_map_lookup_elem(&heap, &zero);
    const char *arg;

    if (!a)
        return 0;
    a->count = 0;
    for (int i = 0; i < ARGS; i++) {
        if (bpf_probe_read_user(&arg, sizeof(arg), &argv[i]) || !arg)
            break;
        bpf_probe_read_user_str(a->text[a->count], ARG_LEN, arg);
        a->count = i + 1;
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
