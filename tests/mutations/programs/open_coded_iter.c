#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

#define CELLS 32

__u32 cells[CELLS];

SEC("tc")
int add_up(struct __sk_buff *skb)
{
    struct bpf_iter_num it;
    __u32 sum = 0;
    int *v;

    bpf_iter_num_new(&it, 0, 1000);
    while ((v = bpf_iter_num_next(&it))) {
        __u32 at = *v;

        if (at >= CELLS)
            break;
        sum += cells[at];
    }
    bpf_iter_num_destroy(&it);
    return sum & 1;
}

char LICENSE[] SEC("license") = "GPL";
