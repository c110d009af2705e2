#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct cgroup *bpf_cgroup_from_id(__u64 cgid) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

SEC("tc")
int find(struct __sk_buff *skb)
{
    struct cgroup *cgrp = bpf_cgroup_from_id(1);

    if (cgrp)
        bpf_cgroup_release(cgrp);
    return 0;
}

char _license[] SEC("license") = "GPL";
