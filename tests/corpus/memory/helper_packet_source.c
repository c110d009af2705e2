// Packet bytes that were not checked are a key.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u64);
    __type(value, __u32);
} next SEC(".maps");

SEC("tc")
int prog(struct __sk_buff *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    unsigned char *end = (void *)(long)ctx->data_end;

    if (data + 34 > end)
        return 0;
    return bpf_map_lookup_elem(&next, data + 30) ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
