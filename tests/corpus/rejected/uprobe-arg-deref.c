#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct app_request { int fd; int size; char name[32]; };

SEC("uprobe//usr/bin/app:handle")
int BPF_UPROBE(on_malloc, struct app_request *req)
{
    if (req->size > 100)
        bpf_printk("size %d", req->size);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
