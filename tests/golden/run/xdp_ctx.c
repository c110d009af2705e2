#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
typedef __u64 u64; typedef __u32 u32; typedef __u16 u16; typedef __u8 u8; typedef __s32 s32; typedef __s64 s64;
char _license[] SEC("license") = "GPL";
/* What an XDP program sees of its ctx, and what it can change. */
SEC("xdp") int fields(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *meta = (void *)(long)ctx->data_meta;
	u32 *out = (void *)(data + 64);
	if (data + 128 > end)
		return XDP_ABORTED;
	out[0] = ctx->ingress_ifindex;
	out[1] = ctx->rx_queue_index;
	out[2] = end - data;
	out[3] = data - meta;
	out[4] = bpf_xdp_get_buff_len(ctx);
	return XDP_PASS;
}
SEC("xdp") int grow_head(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, -20))
		return 100;
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (data + 34 > end)
		return 101;
	__builtin_memcpy(data, data + 20, 14);
	for (int i = 0; i < 20; i++)
		data[14 + i] = i;
	return XDP_TX;
}
SEC("xdp") int heads(struct xdp_md *ctx)
{
	int r = 0;
	r |= (bpf_xdp_adjust_head(ctx, -216) == 0) << 0;
	r |= (bpf_xdp_adjust_head(ctx, -1) == -22) << 1;
	r |= (bpf_xdp_adjust_head(ctx, 216) == 0) << 2;
	r |= (bpf_xdp_adjust_head(ctx, 10000) == -22) << 3;
	r |= (bpf_xdp_adjust_meta(ctx, -8) == 0) << 4;
	r |= (bpf_xdp_adjust_meta(ctx, -3) == -13) << 5;
	r |= (bpf_xdp_adjust_meta(ctx, 16) == -22) << 6;
	r |= (bpf_xdp_adjust_tail(ctx, -30) == 0) << 7;
	r |= (bpf_xdp_adjust_tail(ctx, 4000) == -22) << 8;
	r |= (bpf_xdp_adjust_tail(ctx, 12) == 0) << 9;
	r |= (bpf_xdp_adjust_tail(ctx, -4000) == -22) << 10;
	r |= bpf_xdp_get_buff_len(ctx) << 16;
	return r;
}
SEC("xdp") int meta(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_meta(ctx, -8))
		return 100;
	u8 *data = (void *)(long)ctx->data, *m = (void *)(long)ctx->data_meta;
	if (m + 8 > data)
		return 101;
	*(u64 *)m = 0x1122334455667788;
	bpf_xdp_adjust_head(ctx, 2);
	return XDP_PASS;
}
SEC("xdp") int bytes(struct xdp_md *ctx)
{
	u8 buf[16] = {};
	int a = bpf_xdp_load_bytes(ctx, 14, buf, 16);
	buf[0] ^= 0xff;
	int b = bpf_xdp_store_bytes(ctx, 30, buf, 16);
	int c = bpf_xdp_load_bytes(ctx, 5000, buf, 16);
	int d = bpf_xdp_store_bytes(ctx, 121, buf, 16);
	return (a & 0xff) | (b & 0xff) << 8 | (c & 0xff) << 16 | (d & 0xff) << 24;
}
SEC("xdp") int redirect(struct xdp_md *ctx) { return bpf_redirect(7, 0); }
SEC("xdp") int redirect_flags(struct xdp_md *ctx) { return bpf_redirect(7, 1); }
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, u32); __type(value, u32); } devs SEC(".maps");
SEC("xdp") int redirect_map(struct xdp_md *ctx) { return bpf_redirect_map(&devs, 1, XDP_TX); }
SEC("xdp") int redirect_map_flags(struct xdp_md *ctx) { return bpf_redirect_map(&devs, 1, 64); }
SEC("xdp") int redirect_all(struct xdp_md *ctx) { return bpf_redirect_map(&devs, 0, BPF_F_BROADCAST); }
