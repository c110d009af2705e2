#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/sendmsg4")
int s(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(53))
		return 2;
	return 1;
}
char _license[] SEC("license") = "GPL";
