// A map that is an arena is named by the program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_ARENA); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 4); } pages SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int starts(void *ctx)
{
	void *map = &pages;

	asm volatile("" : "+r"(map));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
