// What the kernel refuses after the walk, while it rewrites the program; addresses of functions that are removed.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tc")
__attribute__((naked)) int no_kernel_function(void)
{
	asm volatile(".8byte 0x2085; r0 = 0; exit;");
}

SEC("tc")
__attribute__((naked)) int never_called(void)
{
	asm volatile("r0 = 0; if r0 == 0 goto +1; .8byte 0x2085; exit;");
}

SEC("tc")
__attribute__((naked)) int function_of_a_module(void)
{
	asm volatile(".8byte 0x500012085; r0 = 0; exit;");
}

SEC("tc")
int half_a_field(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct bpf_tcp_sock *tp = sk ? bpf_tcp_sock(sk) : 0;
	int value;

	if (!tp)
		return 0;
	asm volatile("%0 = *(u32 *)(%1 + 84)" : "=r"(value) : "r"(tp));
	return value;
}

static __attribute__((noinline)) int unreached(void *key, void *value)
{
	asm volatile("r1 = 0; r2 = 1;" ::: "r1", "r2");
	return bpf_get_prandom_u32();
}

static __attribute__((noinline)) int unreached_too(void *key, void *value)
{
	asm volatile("");
	return bpf_get_prandom_u32();
}

static __attribute__((noinline)) int reached(int add)
{
	asm volatile("");
	return bpf_get_prandom_u32() + add;
}

#define ADDRESS(function) asm volatile("" ::"r"((void *)function))

SEC("tc")
int address_before_a_call(struct __sk_buff *ctx)
{
	ADDRESS(unreached);
	return reached(1);
}

SEC("tc")
int address_after_a_call(struct __sk_buff *ctx)
{
	int sum = reached(1);

	ADDRESS(unreached);
	return sum;
}

SEC("tc")
int two_addresses(struct __sk_buff *ctx)
{
	ADDRESS(unreached);
	ADDRESS(unreached_too);
	return reached(1);
}

SEC("tc")
int addresses_only(struct __sk_buff *ctx)
{
	ADDRESS(unreached);
	ADDRESS(unreached_too);
	return 0;
}

char _license[] SEC("license") = "GPL";
