#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static const char format[] = "%u";

SEC("tc")
int print(struct __sk_buff *skb)
{
	__u64 data = skb->len;
	char out[16];

	bpf_snprintf(out, sizeof(out), format, &data, sizeof(data));
	return 0;
}

char _license[] SEC("license") = "GPL";
