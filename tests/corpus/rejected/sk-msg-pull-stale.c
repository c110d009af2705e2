#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_SOCKHASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} peers SEC(".maps");

SEC("sk_msg")
int redirect_msg(struct sk_msg_md *msg)
{
    __u8 *data = msg->data;
    __u8 *data_end = msg->data_end;
    __u32 key;

    if (data + 8 > data_end) {
        if (bpf_msg_pull_data(msg, 0, 8, 0))
            return SK_PASS;
    }
    key = data[7];
    return bpf_msg_redirect_hash(msg, &peers, &key, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
