#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
    __type(key, struct bpf_cgroup_storage_key);
    __type(value, __u64);
} packets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
    __type(key, struct bpf_cgroup_storage_key);
    __type(value, __u64);
} bytes SEC(".maps");

SEC("cgroup_skb/egress")
int count(struct __sk_buff *skb)
{
    *(__u64 *)bpf_get_local_storage(&packets, 0) += 1;
    *(__u64 *)bpf_get_local_storage(&bytes, 0) += skb->len;
    return 1;
}

char _license[] SEC("license") = "GPL";
