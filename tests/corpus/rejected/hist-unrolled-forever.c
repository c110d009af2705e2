#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define STEPS 16

static __u64 counts[64];

SEC("kprobe/tcp_sendmsg")
int hist(void *ctx)
{
    __u64 v = bpf_get_prandom_u32();
    __u32 log = 0;

    for (int i = 0; i < 100000000; i++) {
        if (v > 1) {
            v >>= 1;
            log += bpf_get_prandom_u32() & 1;
        }
    }
    if (log < 64)
        counts[log]++;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
