#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/kill_pid_usb_asyncio")
int on_call(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
