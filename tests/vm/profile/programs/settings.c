#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum mode { FAST, SLOW = 7 };

const volatile int rounds = 4;
const volatile bool verbose = true;
const volatile enum mode mode = FAST;
const volatile __u8 small[4] = {1, 2, 3, 4};
const int plain = 3;
int counted = 1;

SEC("xdp")
int settings(struct xdp_md *ctx)
{
    int sum = 0;

    for (int i = 0; i < rounds && i < 1000; i++)
        sum += bpf_get_prandom_u32() & 1;
    if (verbose)
        bpf_printk("%d", sum);
    if (mode == SLOW)
        sum += small[sum & 3];
    return sum > 2 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
