// The socket of a packet is used without a NULL check.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int prog(struct __sk_buff *skb)
{
    struct bpf_sock *sk = skb->sk;
    return sk->family == 2;
}

char LICENSE[] SEC("license") = "GPL";
