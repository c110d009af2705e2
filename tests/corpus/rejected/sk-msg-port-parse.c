#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} peers SEC(".maps");

SEC("sk_msg")
int route(struct sk_msg_md *msg)
{
	char *data = msg->data;
	char *data_end = msg->data_end;

	if (data + 4 > data_end)
		return SK_PASS;
	if (data[0] == 'G' && data[1] == 'E' && data[2] == 'T' && data[4] == '/')
		return bpf_msg_redirect_map(msg, &peers, 0, BPF_F_INGRESS);
	return SK_PASS;
}

char _license[] SEC("license") = "GPL";
