#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/setsockopt")
int patch_opt(struct bpf_sockopt *ctx)
{
    __u32 *value = ctx->optval;

    if (ctx->level != 1 || ctx->optname != 8)
        return 1;
    if (*value > 65536)
        *value = 65536;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
