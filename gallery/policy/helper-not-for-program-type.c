#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int mark(struct xdp_md *ctx)
{
    __u64 id = bpf_get_current_pid_tgid();

    bpf_skb_change_type((void *)ctx, id ? 1 : 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
