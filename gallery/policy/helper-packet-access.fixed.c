#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int copy(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	char header[14];

	if (data + 14 <= end) {
		__builtin_memcpy(header, data, 14);
		bpf_ringbuf_output(&events, header, 14, 0);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
