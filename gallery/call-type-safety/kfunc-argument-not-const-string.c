#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char value[64];

SEC("lsm.s/file_open")
int BPF_PROG(open, struct file *file)
{
    struct bpf_dynptr ptr;
    char name[] = "user.tag";

    bpf_dynptr_from_mem(value, sizeof(value), 0, &ptr);
    bpf_get_file_xattr(file, name, &ptr);
    return 0;
}

char _license[] SEC("license") = "GPL";
