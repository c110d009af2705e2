#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct scan {
	struct xdp_md *ctx;
	__u32 off;
	__u32 newlines;
};

static long next_byte(__u32 i, struct scan *s)
{
	__u8 *p = (void *)(long)s->ctx->data;
	void *end = (void *)(long)s->ctx->data_end;

	p += s->off;
	if ((void *)p + 1 > end)
		return 1;
	if (*p == '\n')
		s->newlines++;
	s->off++;
	return 0;
}

SEC("xdp")
int lines(struct xdp_md *ctx)
{
	struct scan s = { .ctx = ctx };

	bpf_loop(1500, next_byte, &s, 0);
	return s.newlines > 10 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
