#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/sysctl")
int guard_sysctl(struct bpf_sysctl *ctx)
{
    char name[32] = {};
    long len;

    len = bpf_sysctl_get_name(ctx, name, sizeof(name), 0);
    if (name[len - 1] == 'x')
        return 0;
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
