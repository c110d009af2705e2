#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long look(__u32 index, void *data)
{
    return 1;
}

SEC("tc")
int lookup(struct __sk_buff *skb)
{
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock *sock = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);

    if (!sock)
        return 0;
    bpf_loop(1, look, NULL, 0);
    bpf_sk_release(sock);
    return 0;
}

char _license[] SEC("license") = "GPL";
