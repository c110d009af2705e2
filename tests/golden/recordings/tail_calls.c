#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

int counted(struct bpf_raw_tracepoint_args *ctx);
int told(struct bpf_raw_tracepoint_args *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, int (void *));
} stages SEC(".maps") = { .values = { [0] = (void *)&counted, [1] = (void *)&told } };
u64 execs;
u32 last_pid;

SEC("raw_tp/sched_process_exec")
int entered(struct bpf_raw_tracepoint_args *ctx)
{
	bpf_tail_call(ctx, &stages, 2); /* nothing is there */
	last_pid = bpf_get_current_pid_tgid() >> 32;
	bpf_tail_call(ctx, &stages, 0);
	return 1;
}

SEC("raw_tp/sched_process_exec")
int counted(struct bpf_raw_tracepoint_args *ctx)
{
	u64 seen = __sync_fetch_and_add(&execs, 1);
	if (seen < 100)
		bpf_tail_call(ctx, &stages, 1);
	return 2;
}

SEC("raw_tp/sched_process_exec")
int told(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *bprm = (void *)ctx->args[2];
	char name[16] = {};
	const char *path = BPF_CORE_READ(bprm, filename);
	bpf_probe_read_kernel_str(name, sizeof(name), path);
	bpf_printk("exec %d: %s", last_pid, name);
	return 3;
}

char LICENSE[] SEC("license") = "GPL";
