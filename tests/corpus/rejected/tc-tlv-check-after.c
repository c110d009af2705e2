#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/pkt_cls.h>

SEC("tc")
int tlv(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data;
    void *data_end = (void *)(long)skb->data_end;
    __u8 *pos = data + ETH_HLEN;
    __u32 found = 0;

#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (pos[0] == 7)
            found++;
        pos += 2 + (pos[1] & 0x1f);
        if ((void *)(pos + 2) > data_end)
            break;
    }
    return found ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
