#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define F(n) \
	static __attribute__((noinline)) int f##n(int number) \
	{ \
		return bpf_get_prandom_u32() + number; \
	}
#define F4(n) F(n##0) F(n##1) F(n##2) F(n##3)
#define F16(n) F4(n##0) F4(n##1) F4(n##2) F4(n##3)
#define F64(n) F16(n##0) F16(n##1) F16(n##2) F16(n##3)
#define C(n) sum += f##n(sum);
#define C4(n) C(n##0) C(n##1) C(n##2) C(n##3)
#define C16(n) C4(n##0) C4(n##1) C4(n##2) C4(n##3)
#define C64(n) C16(n##0) C16(n##1) C16(n##2) C16(n##3)

F64(0) F64(1) F64(2)

SEC("xdp")
int call_all(struct xdp_md *ctx)
{
	int sum = ctx->rx_queue_index;

	C64(0) C64(1) C64(2)
	return sum;
}

char _license[] SEC("license") = "GPL";
