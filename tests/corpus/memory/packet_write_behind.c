// A byte is written behind the checked part.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int prog(struct __sk_buff *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 30 > end)
        return 0;
    data[33] = 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
