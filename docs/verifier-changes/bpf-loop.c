// A loop by the helper bpf_loop().
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long each(__u32 index, void *ctx)
{
	return 0;
}

SEC("socket") int many_rounds(void *ctx)
{
	return bpf_loop(100, each, 0, 0) == 100;
}

char LICENSE[] SEC("license") = "GPL";
