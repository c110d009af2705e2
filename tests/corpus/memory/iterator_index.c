// A loop over an iterator of numbers goes past the table.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __attribute__((weak)) __attribute__((section(".ksyms")));
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));

__u32 slots[16];

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    struct bpf_iter_num it;
    int *i;

    bpf_iter_num_new(&it, 0, 20);
    while ((i = bpf_iter_num_next(&it)))
        slots[*i] = 1;
    bpf_iter_num_destroy(&it);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
