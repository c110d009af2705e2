#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("lsm/bprm_check_security")
int BPF_PROG(look_at_args, struct linux_binprm *bprm)
{
	char first[16];

	if (bpf_copy_from_user(first, sizeof(first), (void *)bprm->p))
		return 0;
	return first[0] == '-' ? -1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
