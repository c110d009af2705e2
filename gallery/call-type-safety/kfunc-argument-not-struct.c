#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <bpf/bpf_core_read.h>

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(created, struct cgroup *cgroup, const char *path)
{
    struct cgroup *cast = bpf_rdonly_cast(cgroup, bpf_core_type_id_kernel(struct cgroup));

    cgroup_rstat_updated(cast, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
