#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
__attribute__((naked)) int read_often(void)
{
	/* Each load of skb->ifindex becomes longer, and the jump is almost as long as it can be. */
	asm volatile("r0 = 0\n"
		     "r2 = *(u32 *)(r1 + 8)\n"
		     "if r2 == 0 goto out\n"
		     ".rept 3100\n"
		     "r3 = 0\n"
		     ".endr\n"
		     ".rept 1500\n"
		     "r0 = *(u32 *)(r1 + 40)\n"
		     ".endr\n"
		     "out: exit\n");
}

char _license[] SEC("license") = "GPL";
