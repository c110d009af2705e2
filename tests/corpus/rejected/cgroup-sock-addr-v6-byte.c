#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/connect6")
int force6(struct bpf_sock_addr *ctx)
{
    __u8 *ip = (__u8 *)ctx->user_ip6;

    if (ctx->user_port == bpf_htons(53))
        ip[15] = 1;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
