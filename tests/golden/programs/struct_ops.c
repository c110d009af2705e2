// Congestion control and the kernel's test operations, written as programs: all of them are accepted.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define TCP_CONGESTION 13
#define SOL_TCP 6

extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} losses SEC(".maps");

static __attribute__((noinline)) void slow_down(struct tcp_sock *tp, __u32 most)
{
	if (tp->snd_cwnd > most)
		tp->snd_cwnd = most;
}

SEC("struct_ops")
void BPF_PROG(begin, struct sock *sk)
{
	int algorithm = 1;
	__u64 *count = bpf_sk_storage_get(&losses, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (count)
		*count = bpf_ktime_get_coarse_ns();
	bpf_getsockopt(sk, SOL_TCP, TCP_CONGESTION, &algorithm, sizeof(algorithm));
	slow_down((struct tcp_sock *)sk, 10);
}

SEC("struct_ops")
__u32 BPF_PROG(threshold, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	return tp->snd_cwnd > 4 ? tp->snd_cwnd / 2 : 2;
}

SEC("struct_ops")
void BPF_PROG(control, struct sock *sk, __u32 ack, int flag, const struct rate_sample *rate)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (rate->losses > 0)
		tp->snd_ssthresh = tp->snd_cwnd;
	if (rate->delivered < flag)
		bpf_tcp_send_ack(tp, ack);
}

SEC("struct_ops")
void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	tcp_reno_cong_avoid(sk, ack, acked);
}

SEC("struct_ops")
__u32 BPF_PROG(undo, struct sock *sk)
{
	struct inet_connection_sock *connection = (struct inet_connection_sock *)sk;

	return connection->icsk_ca_ops->flags;
}

SEC("struct_ops")
int BPF_PROG(optional, struct bpf_dummy_ops_state *state)
{
	if (!state)
		return -1;
	state->val = 90;
	return state->val;
}

SEC("struct_ops")
int BPF_PROG(arguments, struct bpf_dummy_ops_state *state, int a, unsigned short b, char c, unsigned long d)
{
	__sync_fetch_and_add(&state->val, 1);
	return a + b + c + d;
}

SEC("struct_ops.s")
int BPF_PROG(sleeper, struct bpf_dummy_ops_state *state)
{
	bpf_rcu_read_lock();
	state->val = 3;
	bpf_rcu_read_unlock();
	return state->val;
}

SEC(".struct_ops")
struct tcp_congestion_ops ours = {
	.init = (void *)begin,
	.ssthresh = (void *)threshold,
	.cong_control = (void *)control,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
	.name = "ours",
};

SEC(".struct_ops.link")
struct tcp_congestion_ops linked = {
	.init = (void *)begin,
	.name = "linked",
};

SEC(".struct_ops.link")
struct bpf_dummy_ops tested = {
	.test_1 = (void *)optional,
	.test_2 = (void *)arguments,
	.test_sleepable = (void *)sleeper,
};

char _license[] SEC("license") = "GPL";
