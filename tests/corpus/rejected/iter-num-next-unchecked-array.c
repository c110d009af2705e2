#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

u64 total;

SEC("raw_tp/sys_enter")
int sum_for(void *ctx)
{
    struct bpf_iter_num it;
    int *v;

    bpf_iter_num_new(&it, 0, 100);
    v = bpf_iter_num_next(&it);
    total += *v;
    bpf_iter_num_destroy(&it);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
