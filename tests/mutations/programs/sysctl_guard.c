#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u64);
} accesses SEC(".maps");

SEC("cgroup/sysctl")
int guard(struct bpf_sysctl *ctx)
{
    char name[32] = {};
    __u32 write = ctx->write;
    long n = bpf_sysctl_get_name(ctx, name, sizeof(name), 0);

    if (n < 0)
        return 1;

    __u64 *seen = bpf_map_lookup_elem(&accesses, &write);

    if (!seen)
        return 1;
    *seen += 1;
    return name[0] != 'k';
}

char LICENSE[] SEC("license") = "GPL";
