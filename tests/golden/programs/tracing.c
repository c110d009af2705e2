// Tracepoints and kprobes: contexts, strings, stack buffers handed to helpers.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

struct sys_enter {
	__u64 common;
	long id;
	__u64 args[6];
};

struct event {
	__u32 pid;
	char comm[16];
	char path[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int opened(struct sys_enter *ctx)
{
	struct event e = {};

	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	bpf_probe_read_user_str(e.path, sizeof(e.path), (void *)ctx->args[1]);
	bpf_perf_event_output(ctx, &out, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_read")
int timed(struct sys_enter *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_read")
int past_ctx(void *ctx)
{
	return *(__u64 *)(ctx + 8192);
}

SEC("kprobe/do_unlinkat")
int unlinked(struct pt_regs *ctx)
{
	char name[32];
	long n = bpf_probe_read_kernel_str(name, sizeof(name), (void *)ctx->rsi);

	if (n < 0)
		return 0;
	bpf_printk("unlinked %s %d", name, n);
	return 0;
}

SEC("kprobe/do_unlinkat")
int uninitialised(struct pt_regs *ctx)
{
	char buf[32];

	buf[0] = 1;
	bpf_trace_printk(buf, sizeof(buf) + 8);
	return 0;
}

SEC("kprobe/do_unlinkat")
int unbounded_size(struct pt_regs *ctx)
{
	char buf[32] = {};

	bpf_probe_read_kernel(buf, ctx->rdx, (void *)ctx->rsi);
	return buf[0];
}

char LICENSE[] SEC("license") = "GPL";
