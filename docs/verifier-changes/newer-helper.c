// Asks for the time of the TAI clock.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_execve")
int starts(void *ctx)
{
	return bpf_ktime_get_tai_ns() & 1;
}

char LICENSE[] SEC("license") = "GPL";
