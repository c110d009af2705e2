// Two strings are compared by a kernel function.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern int bpf_strcmp(const char *one, const char *other) __ksym;
const char name[] = "bash";

SEC("tp_btf/sched_switch") int same_name(void *ctx)
{
	return bpf_strcmp(name, name);
}

char LICENSE[] SEC("license") = "GPL";
