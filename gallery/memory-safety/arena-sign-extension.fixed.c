#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
} arena SEC(".maps");

int __arena number;

SEC("syscall")
int read_number(void *ctx)
{
	bpf_printk("%p %ld", &arena, (long)*(volatile long __arena *)&number);
	return 0;
}

char _license[] SEC("license") = "GPL";
