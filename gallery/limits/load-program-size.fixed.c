#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int count(struct __sk_buff *skb)
{
	long sum = 0;

	asm volatile(".rept 4000; %[sum] += 1; .endr" : [sum] "+r"(sum));
	return sum;
}

char _license[] SEC("license") = "GPL";
