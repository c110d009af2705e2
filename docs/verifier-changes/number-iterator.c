// A loop by the open-coded iterator bpf_iter_num.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("socket") int by_iterator(void *ctx)
{
	int i, sum = 0;

	bpf_for(i, 0, 10)
		sum += i;
	return sum > 0;
}

char LICENSE[] SEC("license") = "GPL";
