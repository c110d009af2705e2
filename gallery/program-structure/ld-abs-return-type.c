#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

__u64 *volatile last;
__u64 bytes;

static __attribute__((noinline)) void look(struct __sk_buff *skb)
{
    bytes = load_byte(skb, 0);
}

SEC("socket")
int filter(struct __sk_buff *skb)
{
    look(skb);
    return 0;
}

char _license[] SEC("license") = "GPL";
