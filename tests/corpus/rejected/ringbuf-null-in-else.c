#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct rec {
	u64 when;
	u32 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} recs SEC(".maps");

u64 dropped;

SEC("tp/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
	struct rec *r = bpf_ringbuf_reserve(&recs, sizeof(*r), 0);

	if (!r)
		__sync_fetch_and_add(&dropped, 1);
	r->when = bpf_ktime_get_ns();
	r->kind = 1;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
