// Fields of contexts, whole and in part, read and written.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define READ(field) sum += *(volatile typeof(ctx->field) *)&ctx->field

SEC("socket")
int socket_fields(struct __sk_buff *ctx)
{
	__u64 sum = 0;

	READ(len);
	READ(pkt_type);
	READ(mark);
	READ(queue_mapping);
	READ(protocol);
	READ(vlan_present);
	READ(vlan_tci);
	READ(vlan_proto);
	READ(priority);
	READ(ingress_ifindex);
	READ(ifindex);
	READ(tc_index);
	READ(cb[0]);
	READ(cb[3]);
	READ(hash);
	READ(napi_id);
	READ(gso_segs);
	READ(gso_size);
	return sum;
}

SEC("socket")
int parts_of_fields(struct __sk_buff *ctx)
{
	__u64 sum = 0;

	sum += *(volatile __u8 *)&ctx->len;
	sum += *((volatile __u8 *)&ctx->mark + 3);
	sum += *((volatile __u16 *)&ctx->hash + 1);
	sum += *(volatile __u16 *)&ctx->protocol;
	sum += *(volatile __u8 *)&ctx->protocol;
	sum += *((volatile __u8 *)&ctx->ifindex + 1);
	sum += *((volatile __s8 *)&ctx->priority + 1);
	return sum;
}

SEC("tc")
int classifier_fields(struct __sk_buff *ctx)
{
	__u64 sum = 0;

	READ(ifindex);
	READ(tc_classid);
	READ(tstamp);
	READ(wire_len);
	READ(hwtstamp);
	READ(gso_segs);
	ctx->mark = sum;
	ctx->priority = 1;
	ctx->queue_mapping = 3;
	ctx->queue_mapping = sum;
	ctx->tc_index = sum;
	ctx->cb[2] = sum;
	ctx->tc_classid = sum;
	ctx->tstamp = sum;
	return TC_ACT_OK;
}

SEC("tc")
int timestamps_with_type(struct __sk_buff *ctx)
{
	return ctx->tstamp_type == 1 ? ctx->tstamp : 0;
}

SEC("tc")
int socket_of_a_packet(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	__u64 sum = 0;

	if (!sk)
		return TC_ACT_OK;
	sum = sk->family + sk->state + sk->src_port;
	sk = bpf_sk_fullsock(sk);
	if (sk)
		sum += sk->mark + sk->priority + sk->type + sk->protocol + sk->src_ip4 + sk->dst_ip6[1] + sk->rx_queue_mapping;
	return sum & 1;
}

SEC("tc")
int writes_packets(struct __sk_buff *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return TC_ACT_OK;
	data[0] ^= 1;
	if ((void *)(long)ctx->data_meta + 4 > (void *)data)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("xdp")
int xdp_fields(struct xdp_md *ctx)
{
	__u64 sum = 0;

	READ(ingress_ifindex);
	READ(rx_queue_index);
	if ((void *)(long)ctx->data_meta + 1 > (void *)(long)ctx->data)
		return XDP_DROP;
	if ((void *)(long)ctx->data + 8 > (void *)(long)ctx->data_end)
		return XDP_DROP;
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp/devmap")
int xdp_leaving(struct xdp_md *ctx)
{
	return ctx->egress_ifindex == 1 ? XDP_PASS : XDP_DROP;
}

SEC("perf_event")
int perf_fields(void *ctx)
{
	return *(volatile __u64 *)(ctx + 80) & 1;
}

char LICENSE[] SEC("license") = "GPL";
