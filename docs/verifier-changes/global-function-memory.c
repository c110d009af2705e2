// A global function gets a pointer to an integer.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int add_one(int *value)
{
	if (!value)
		return 0;
	*value += 1;
	return *value;
}

SEC("socket") int pointer_to_global(void *ctx)
{
	int value = 41;

	return add_one(&value);
}

char LICENSE[] SEC("license") = "GPL";
