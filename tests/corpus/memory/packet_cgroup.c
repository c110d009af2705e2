// A program behind the Ethernet header reads a TCP port without a check.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/ingress")
int prog(struct __sk_buff *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    __u16 *port = (void *)(data + 22);
    return *port == 80;
}

char LICENSE[] SEC("license") = "GPL";
