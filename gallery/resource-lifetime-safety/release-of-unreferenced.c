#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int release(struct __sk_buff *skb)
{
    struct bpf_sock *sk = skb->sk;

    if (sk)
        sk = bpf_sk_fullsock(sk);
    if (sk)
        bpf_sk_release(sk);
    return 0;
}

char _license[] SEC("license") = "GPL";
