// A pointer from before bpf_skb_pull_data() is used after it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int prog(struct __sk_buff *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 20 > end)
        return 0;
    bpf_skb_pull_data(ctx, 60);
    return data[19];
}

char LICENSE[] SEC("license") = "GPL";
