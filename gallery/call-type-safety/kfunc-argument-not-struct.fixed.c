#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(created, struct cgroup *cgroup, const char *path)
{
    cgroup_rstat_updated(cgroup, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
