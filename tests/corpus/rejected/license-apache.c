#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tp/sched/sched_wakeup")
int woken(void *ctx)
{
	bpf_trace_printk("woken\n", 7);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
