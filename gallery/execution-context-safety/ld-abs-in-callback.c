#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

static long look(__u32 index, struct __sk_buff **skb)
{
	return load_byte(*skb, 0) == index;
}

SEC("tc")
int find(struct __sk_buff *skb)
{
	return bpf_loop(10, look, &skb, 0) > 9 ? 2 : 0;
}

char _license[] SEC("license") = "GPL";
