#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define SNAP 128

struct sample {
    __u32 len;
    __u8 bytes[SNAP];
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} samples SEC(".maps");

SEC("tc")
int sample_packets(struct __sk_buff *skb)
{
    __u32 len = skb->len;
    struct sample *s;

    if (len < 1)
        return TC_ACT_OK;
    if (len > SNAP)
        len = SNAP;
    s = bpf_ringbuf_reserve(&samples, sizeof(*s), 0);
    if (!s)
        return TC_ACT_OK;
    s->len = len;
    if (bpf_skb_load_bytes(skb, 0, s->bytes, len) < 0) {
        bpf_ringbuf_discard(s, 0);
        return TC_ACT_OK;
    }
    bpf_ringbuf_submit(s, 0);
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
