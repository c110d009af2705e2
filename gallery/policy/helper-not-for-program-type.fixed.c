#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
    __u64 id = bpf_get_current_pid_tgid();

    bpf_skb_change_type(skb, id ? 1 : 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
