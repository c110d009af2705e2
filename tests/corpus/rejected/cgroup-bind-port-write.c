#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/bind4")
int move_port(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(80)) {
		ctx->user_family = 2;
		ctx->user_port = bpf_htons(8080);
	}
	return 1;
}

char _license[] SEC("license") = "GPL";
