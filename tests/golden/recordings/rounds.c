#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
int again(struct bpf_raw_tracepoint_args *ctx);
int last(struct bpf_raw_tracepoint_args *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __type(key, u32);
	__array(values, int (void *)); } chain SEC(".maps") = { .values = { [0] = (void *)&again, [1] = (void *)&last } };
u32 rounds;
SEC("raw_tp/sched_process_exec")
int again(struct bpf_raw_tracepoint_args *ctx)
{
	bpf_tail_call(ctx, &chain, 2);
	u32 r = rounds++;
	if (r % 4 < 3)
		bpf_tail_call(ctx, &chain, 0);
	bpf_tail_call(ctx, &chain, 1);
	return 1;
}
static __noinline int half(struct bpf_raw_tracepoint_args *ctx) { bpf_tail_call(ctx, &chain, 1); return 5; }
SEC("raw_tp/sched_process_exec")
int last(struct bpf_raw_tracepoint_args *ctx) { u32 pid = bpf_get_current_pid_tgid() >> 32; return pid & 7; }
SEC("raw_tp/sched_process_exit")
int sub(struct bpf_raw_tracepoint_args *ctx) { int x = half(ctx); return x + 1; }
char LICENSE[] SEC("license") = "GPL";
