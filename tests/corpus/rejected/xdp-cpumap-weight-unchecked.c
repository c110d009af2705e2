#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_CPUMAP);
    __type(key, __u32);
    __type(value, struct bpf_cpumap_val);
    __uint(max_entries, 8);
} cpus SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 8);
} weights SEC(".maps");

SEC("xdp")
int spread(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 cpu, *weight;

    if (eth + 1 > (struct ethhdr *)data_end)
        return XDP_PASS;
    cpu = eth->h_source[5] % 8;
    weight = bpf_map_lookup_elem(&weights, &cpu);
    if (*weight > 0)
        return bpf_redirect_map(&cpus, cpu, 0);
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
