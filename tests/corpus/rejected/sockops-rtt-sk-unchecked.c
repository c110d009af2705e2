#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, __u32);
} rtts SEC(".maps");

SEC("sockops")
int rtt(struct bpf_sock_ops *ops)
{
    struct bpf_sock *sk = ops->sk;
    __u32 *value;

    value = bpf_sk_storage_get(&rtts, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!value)
        return 1;
    *value = ops->srtt_us >> 3;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
