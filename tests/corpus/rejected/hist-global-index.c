#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define SLOTS 27

u64 hist[SLOTS];
u64 began;

SEC("tp/syscalls/sys_exit_fsync")
int fsync_done(void *ctx)
{
	u64 us = (bpf_ktime_get_ns() - began) / 1000;
	u32 slot = 0;

	while (us > 1 && slot < 40) {
		us >>= 1;
		slot++;
	}
	__sync_fetch_and_add(&hist[slot], 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
