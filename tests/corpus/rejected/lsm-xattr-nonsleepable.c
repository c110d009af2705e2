#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

extern int bpf_get_file_xattr(struct file *file, const char *name__str, struct bpf_dynptr *value_p) __ksym;
char value[32];

SEC("lsm/file_open")
int BPF_PROG(check_xattr, struct file *file)
{
    struct bpf_dynptr ptr;
    int ret;

    bpf_dynptr_from_mem(value, sizeof(value), 0, &ptr);
    ret = bpf_get_file_xattr(file, "user.tag", &ptr);
    if (ret > 0 && value[0] == 'x')
        return -1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
