/* How long reads take, as a histogram: entry and return of vfs_read share a map. Recorded in a real kernel. */
#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 24

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, u64);
} histogram SEC(".maps");

static u32 slot_of(u64 usecs)
{
	u32 slot = 0;

	for (int i = 0; i < SLOTS - 1 && usecs > 1; i++) {
		usecs >>= 1;
		slot++;
	}
	return slot;
}

SEC("kretprobe/vfs_read")
int BPF_KRETPROBE(on_return, long got)
{
	u32 tid = bpf_get_current_pid_tgid();
	u64 *then = bpf_map_lookup_elem(&started, &tid);
	u64 *count;
	u32 slot;

	if (!then)
		return 0;
	slot = slot_of((bpf_ktime_get_ns() - *then) / 1000);
	bpf_map_delete_elem(&started, &tid);
	count = bpf_map_lookup_elem(&histogram, &slot);
	if (count)
		*count += 1;
	return 0;
}

SEC("kprobe/vfs_read")
int BPF_KPROBE(on_read)
{
	u32 tid = bpf_get_current_pid_tgid();
	u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&started, &tid, &now, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
