#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern const struct rq runqueues __ksym;

SEC("tp_btf/sched_process_exec")
int length(void *ctx)
{
	struct rq *rq = bpf_this_cpu_ptr(&runqueues);

	return rq->nr_running > 1;
}

char _license[] SEC("license") = "GPL";
