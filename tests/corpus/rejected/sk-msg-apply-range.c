#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("sk_msg")
int filter_msg(struct sk_msg_md *msg)
{
    void *data = msg->data;
    void *data_end = msg->data_end;

    if (data + 4 > data_end)
        return SK_PASS;
    if (*(__u64 *)data == 0x54534f50)
        return SK_DROP;
    return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
