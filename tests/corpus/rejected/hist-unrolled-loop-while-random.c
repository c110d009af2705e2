#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define STEPS 16

static __u64 counts[64];

SEC("kprobe/tcp_sendmsg")
int hist(void *ctx)
{
    __u64 v = bpf_get_prandom_u32();
    __u32 log = 0;

    while (bpf_get_prandom_u32() != 7) {
        if (v > 1) {
            v >>= 1;
            log++;
        }
    }
    if (log < 64)
        counts[log]++;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
