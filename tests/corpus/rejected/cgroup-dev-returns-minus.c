#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/dev")
int dev(struct bpf_cgroup_dev_ctx *ctx)
{
    short type = ctx->access_type & 0xffff;

    if (type != BPF_DEVCG_DEV_CHAR)
        return -1;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
