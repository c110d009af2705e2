#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, char[16]);
} wanted SEC(".maps");

SEC("kprobe/do_unlinkat")
int watch(struct pt_regs *ctx)
{
    char comm[16];
    u32 zero = 0;
    char *name = bpf_map_lookup_elem(&wanted, &zero);
    int i = 0;

    if (!name)
        return 0;
    bpf_get_current_comm(comm, sizeof(comm));
    while (i < 32 && name[i] == comm[i] && name[i])
        i++;
    if (i > 3)
        bpf_printk("match %d", i);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
