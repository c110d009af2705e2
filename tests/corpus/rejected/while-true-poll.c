#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

volatile int ready;

SEC("tc")
int poll(struct __sk_buff *skb)
{
    while (!ready)
        ;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
