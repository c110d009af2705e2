// A thousand bytes of the packet are added up, and the sum is an index.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u8 counts[1024];

SEC("xdp")
int prog(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;
    __u32 sum = 0;

    for (__u32 i = 0; i < 1000; i++) {
        if (data + i + 1 > end)
            break;
        sum += data[i];
    }
    counts[sum] += 1;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
