#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct opt { __u8 kind; __u8 len; __u8 data[6]; };

SEC("sockops")
int hdr(struct bpf_sock_ops *ops)
{
    struct opt o = { .kind = 254, .len = 8 };
    __u32 n = ops->args[1];

    if (ops->op != BPF_SOCK_OPS_WRITE_HDR_OPT_CB)
        return 1;
    bpf_store_hdr_opt(ops, &o, n, 0);
    return 1;
}

char LICENSE[] SEC("license") = "GPL";
