#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int inspect(struct __sk_buff *skb)
{
    void *data, *data_end;
    __u32 len = skb->len;
    __u8 *last;

    if (len < 20 || len > 1500)
        return 0;
    if (bpf_skb_pull_data(skb, len))
        return 0;
    data = (void *)(long)skb->data;
    data_end = (void *)(long)skb->data_end;
    if (data + 20 > data_end)
        return 0;
    last = data + len - 1;
    return *last == 0xff ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
