#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("lsm_cgroup/inet_csk_clone")
int BPF_PROG(clone, struct sock *newsk, const struct request_sock *req)
{
    return 0;
}

char _license[] SEC("license") = "GPL";
