#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int release(struct __sk_buff *skb)
{
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);

    if (sk)
        bpf_sk_release(sk);
    return 0;
}

char _license[] SEC("license") = "GPL";
