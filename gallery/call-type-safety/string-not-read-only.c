#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static char format[] = "%u";

SEC("tc")
int print(struct __sk_buff *skb)
{
	__u64 data = skb->len;
	char out[16];

	bpf_snprintf(out, sizeof(out), format, &data, sizeof(data));
	format[0] = 0;
	return 0;
}

char _license[] SEC("license") = "GPL";
