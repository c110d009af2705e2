#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct total {
    __u64 packets, bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
    __type(key, struct bpf_cgroup_storage_key);
    __type(value, struct total);
} totals SEC(".maps");

SEC("cgroup_skb/egress")
int count(struct __sk_buff *skb)
{
    struct total *total = bpf_get_local_storage(&totals, 0);

    total->packets += 1;
    total->bytes += skb->len;
    return 1;
}

char _license[] SEC("license") = "GPL";
