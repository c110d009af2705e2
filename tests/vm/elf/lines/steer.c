// bpf-gcc -O2 -gdwarf-4 (or 5) -ffile-prefix-map=$PWD=/src -c steer.c
typedef unsigned int __u32;
#define SEC(name) __attribute__((section(name), used))
struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
char _license[] SEC("license") = "GPL";
static __attribute__((noinline)) int twice(__u32 number)
{
	if (number > 7)
		return 2;
	return number * 2;
}
SEC("xdp") int first(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;

	if (queue > 3)
		return 1;
	return twice(queue);
}
SEC("tc") int second(struct xdp_md *ctx)
{
	return ctx->data > 64 ? 0 : 2;
}
