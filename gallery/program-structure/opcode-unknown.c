#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
__attribute__((naked)) int unknown(void)
{
	/* An instruction with the opcode 0xff. */
	asm volatile("r0 = 2;"
		     ".quad 0xff;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
