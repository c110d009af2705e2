#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int clear_first(struct __sk_buff *skb)
{
    __u8 *data = (void *)(long)skb->data;

    if ((void *)(data + 1) > (void *)(long)skb->data_end)
        return 0;
    data[0] = 0;
    return 0;
}

char _license[] SEC("license") = "GPL";
