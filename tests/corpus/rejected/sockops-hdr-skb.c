#include <linux/bpf.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>

SEC("sockops")
int options(struct bpf_sock_ops *ops)
{
	struct tcphdr *th;

	if (ops->op != BPF_SOCK_OPS_PARSE_HDR_OPT_CB)
		return 1;
	th = ops->skb_data;
	return th->syn;
}

char _license[] SEC("license") = "GPL";
