#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BYTES 16

SEC("tc")
int look(struct __sk_buff *skb)
{
    char buffer[BYTES] = {};
    __u32 len = skb->len;

    if (len == 0)
        return 0;
    barrier_var(len);
    if (len > BYTES)
        return 0;
    if (bpf_skb_load_bytes(skb, 0, buffer, len) < 0)
        return 0;

    __u32 at = buffer[0] & (BYTES - 1);

    return buffer[at];
}

char LICENSE[] SEC("license") = "GPL";
