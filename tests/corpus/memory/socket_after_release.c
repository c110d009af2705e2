// A socket is read after it was released.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int prog(struct __sk_buff *skb)
{
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
    if (!sk)
        return 0;
    bpf_sk_release(sk);
    return sk->family;
}

char LICENSE[] SEC("license") = "GPL";
