// The length in the context is checked, which the verifier does not connect with the packet's end.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int prog(struct __sk_buff *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (ctx->len < 64)
        return 0;
    return data[60];
}

char LICENSE[] SEC("license") = "GPL";
