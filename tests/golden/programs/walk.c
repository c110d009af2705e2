// What the walk itself decides: numbers, branches, linked registers, precision, pruning, loops, the way out. mcpu=v4
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64[8]);
} values SEC(".maps");

#define PROG(section, name) SEC(section) __attribute__((naked)) int name(void)
#define CODE(text) asm volatile(text ::: "memory")

// r6 = any number
#define ANY "call %[prandom]; r6 = r0;"
#define ASM(text) asm volatile(text :: [prandom] "i"(BPF_FUNC_get_prandom_u32), [lookup] "i"(BPF_FUNC_map_lookup_elem), \
	[loop] "i"(BPF_FUNC_loop), [ktime] "i"(BPF_FUNC_ktime_get_ns), __imm_addr(values) : "memory")
#define __imm_addr(name) [name] "i"(&name)

// r0 = value of key 0, or the program ends
#define LOOKUP "r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[values] ll; call %[lookup];" \
	"if r0 != 0 goto +1; exit;"

PROG("socket", arithmetic)
{
	ASM(ANY "r6 &= 0xff; r7 = r6; r7 <<= 3; r8 = r7; r8 -= 100; r9 = r8; r9 *= 3; r1 = r9; r1 >>= 2; r2 = r8; r2 s>>= 4;"
	    "r3 = r6; r3 |= 0x100; r4 = r3; r4 ^= 0x55; r5 = r8; r5 = -r5; r1 /= 7; r2 %%= 5; r0 = r4; r0 &= r3; r0 += r7; exit;");
}

PROG("socket", arithmetic_in_words)
{
	ASM(ANY "w7 = w6; w7 <<= 4; w8 = w6; w8 >>= 9; w9 = w6; w9 s>>= 3; w1 = w8; w1 += 77; w2 = w8; w2 -= 77; w3 = w8; w3 *= 6;"
	    "w4 = w9; w4 &= 0xf0; w5 = w8; w5 |= 1; w5 ^= w4; w0 = w9; w0 = -w0; r0 = be16 r0; exit;");
}

PROG("socket", sign_extension)
{
	ASM(ANY "r7 = (s8)r6; r8 = (s16)r6; r9 = (s32)r6; w1 = (s8)w6; w2 = (s16)w6; r6 &= 0x3f; r3 = (s8)r6; r4 = (s16)r6; w5 = (s8)w6;"
	    "r6 <<= 32; r6 s>>= 32; r0 = r7; r0 += r8; exit;");
}

PROG("socket", unsigned_bounds)
{
	ASM(ANY "call %[ktime]; r7 = r0; if r7 > 100 goto l1_%=; if r7 < 10 goto l1_%=; r8 = r7; r8 -= 10; if r8 <= 90 goto +1; r0 = 0;"
	    "r0 = r8; r1 = r7; r1 += r6; if r1 >= r7 goto l1_%=; r0 += 1; l1_%=: exit;");
}

PROG("socket", signed_bounds)
{
	ASM("call %[ktime]; r7 = r0; if r7 s> 100 goto l1_%=; if r7 s< -10 goto l1_%=; r8 = r7; r8 += 10; w9 = w7; if w9 s>= 5 goto l1_%=;"
	    "if w9 s<= -5 goto l1_%=; r0 = r9; if r7 == 7 goto l1_%=; if r7 != 3 goto l1_%=; r0 = r7; l1_%=: exit;");
}

PROG("socket", bits)
{
	ASM("call %[ktime]; r7 = r0; r8 = 8; if r7 & 8 goto l1_%=; if r7 & r8 goto l2_%=; r7 &= 15; if w7 & 4 goto l1_%=; r0 = r7; exit;"
	    "l1_%=: r7 &= 12; r0 = r7; exit; l2_%=: r0 = 1; exit;");
}

PROG("socket", ranges_against_ranges)
{
	ASM("call %[ktime]; r7 = r0; call %[ktime]; r8 = r0; r7 &= 0xff; r8 &= 0xff; r8 += 0x80; if r7 < r8 goto l1_%=; r1 = r7; r1 -= r8;"
	    "if r7 == r8 goto l1_%=; if w8 s> w7 goto l1_%=; r0 = 1; exit; l1_%=: if r7 == r8 goto +1; r0 = r7; r0 = 0; exit;");
}

PROG("socket", one_register_twice)
{
	ASM("call %[ktime]; r7 = r0; r0 = 0; if r7 < r7 goto l1_%=; if r7 s<= r7 goto l1_%=; r0 = 1; l1_%=: if w7 != w7 goto +1; r0 += 1; exit;");
}

PROG("socket", masks_of_all_bits)
{
	ASM("call %[ktime]; r7 = r0; r7 s>>= 63; r7 &= -22; r0 = r7; if r0 == 0 goto +1; r0 = 1; call %[ktime]; w8 = w0; w8 s>>= 31; w8 |= 5; r0 = r8; exit;");
}

PROG("socket", linked)
{
	ASM(LOOKUP "r9 = r0; call %[prandom]; r6 = r0; r7 = r6; r8 = r6; r8 += 4; *(u64 *)(r10 - 16) = r6; if r7 > 40 goto l1_%=; r1 = *(u64 *)(r10 - 16);"
	    "r9 += r6; r0 = *(u8 *)(r9 + 0); r9 -= r7; r9 += r8; r0 = *(u8 *)(r9 + 0); l1_%=: r0 = 0; exit;");
}

PROG("socket", unlinked_by_change)
{
	ASM(LOOKUP "r9 = r0; call %[prandom]; r6 = r0; r7 = r6; r7 += 1; r7 += 1; if r6 > 8 goto l1_%=; r9 += r7; r0 = *(u8 *)(r9 + 0); l1_%=: r0 = 0; exit;");
}

PROG("socket", too_far)
{
	ASM(LOOKUP "r9 = r0; call %[prandom]; r6 = r0; if r6 > 64 goto l1_%=; r9 += r6; r0 = *(u8 *)(r9 + 0); l1_%=: r0 = 0; exit;");
}

PROG("socket", negative)
{
	ASM(LOOKUP "r9 = r0; r6 = *(u64 *)(r9 + 8); if r6 s> 8 goto l1_%=; r9 += r6; r0 = *(u8 *)(r9 + 0); l1_%=: r0 = 0; exit;");
}

PROG("socket", precise_through_the_stack)
{
	ASM(LOOKUP "r9 = r0; call %[prandom]; r0 &= 7; *(u64 *)(r10 - 24) = r0; r1 = *(u64 *)(r9 + 0); if r1 == 0 goto +1; r8 = 5; r7 = *(u64 *)(r10 - 24);"
	    "r7 <<= 3; r9 += r7; r0 = *(u64 *)(r9 + 0); exit;");
}

static __attribute__((naked, used)) long scaled(void)
{
	CODE("r0 = r1; r0 &= 3; r0 <<= 2; if r2 == 0 goto +1; r0 += 8; exit;");
}

PROG("socket", precise_through_a_call)
{
	ASM(LOOKUP "r9 = r0; r1 = *(u64 *)(r9 + 0); r2 = *(u64 *)(r9 + 8); call scaled; r9 += r0; r0 = *(u32 *)(r9 + 0); r1 = r0; r2 = 0; call scaled; exit;");
}

PROG("socket", pointers_compared)
{
	ASM(LOOKUP "r9 = r0; r1 = r10; if r9 == r1 goto +1; r0 = 1; r8 = r9; if r8 != 0 goto +1; exit; r2 = 0; *(u32 *)(r10 - 4) = r2; r2 = r10; r2 += -4;"
	    "r1 = %[values] ll; call %[lookup]; if r0 == r9 goto l1_%=; r0 = 0; exit; l1_%=: r0 = *(u64 *)(r0 + 0); exit;");
}

PROG("socket", pointer_minus_pointer)
{
	ASM(LOOKUP "r9 = r0; r9 += 8; r9 -= r0; r0 = r9; exit;");
}

PROG("socket", pointer_and_mask)
{
	ASM("r1 = r10; r1 &= -8; r0 = 0; exit;");
}

PROG("socket", pointer_in_words)
{
	ASM("r1 = r10; w1 += 8; r0 = 0; exit;");
}

PROG("socket", from_the_frame)
{
	ASM("r1 = r10; r1 -= 8; r0 = 0; exit;");
}

PROG("socket", loop_counted)
{
	ASM("r6 = 0; r7 = 0; l1_%=: r7 += r6; r6 += 1; if r6 < 50 goto l1_%=; r0 = r7; exit;");
}

PROG("socket", loop_of_unknown_length)
{
	ASM("call %[prandom]; r6 = r0; r7 = 0; l1_%=: r7 += 1; if r7 > 30 goto l2_%=; if r7 < r6 goto l1_%=; l2_%=: r0 = 0; exit;");
}

PROG("socket", loop_without_end)
{
	ASM("r6 = 0; l1_%=: r7 = r6; if r6 == 0 goto l1_%=; r0 = 0; exit;");
}

PROG("socket", loop_that_may_go_on)
{
	ASM("r6 = 0; r0 = 0; l1_%=: may_goto l2_%=; r6 += 1; r0 ^= r6; goto l1_%=; l2_%=: exit;");
}

PROG("socket", diamonds)
{
	ASM("call %[ktime]; r6 = r0; r7 = 0; if r6 & 1 goto +1; r7 = 1; if r6 & 2 goto +1; r7 = 2; if r6 & 4 goto +1; r7 = 3; if r6 & 8 goto +1; r7 = 4;"
	    "if r6 & 16 goto +1; r7 = 5; r1 = r10; *(u64 *)(r10 - 48) = r7; if r7 > 3 goto +1; r7 = 0; r0 = r7; exit;");
}

PROG("socket", diamonds_that_matter)
{
	ASM(LOOKUP "r9 = r0; r6 = *(u64 *)(r9 + 0); r7 = 0; if r6 & 1 goto +1; r7 = 8; r8 = 0; if r6 & 2 goto +1; r8 = 16; r6 = *(u64 *)(r9 + 8);"
	    "if r6 == 0 goto +1; r7 += 8; r9 += r7; r0 = *(u64 *)(r9 + 0); if r6 != 1 goto +1; r9 += r8; r0 = *(u64 *)(r9 + 8); exit;");
}

static __attribute__((naked, used)) int each(void)
{
	CODE("r3 = *(u64 *)(r2 + 0); r3 += r1; *(u64 *)(r2 + 0) = r3; if r3 > 100 goto +2; r0 = 0; exit; r0 = 1; exit;");
}

PROG("socket", calling_back)
{
	ASM("r1 = 0; *(u64 *)(r10 - 8) = r1; r1 = 20; r2 = each ll; r3 = r10; r3 += -8; r4 = 0; call %[loop]; r0 = *(u64 *)(r10 - 8); r0 &= 1; exit;");
}

PROG("socket", atomics)
{
	ASM(LOOKUP "r9 = r0; r1 = 1; lock *(u64 *)(r9 + 0) += r1; r2 = 3; r2 = atomic_fetch_add((u64 *)(r9 + 8), r2); r3 = 5; r0 = 0;"
	    "r0 = cmpxchg_64(r9 + 16, r0, r3); w4 = 7; w4 = xchg32_32(r9 + 24, w4); *(u64 *)(r10 - 16) = r1; r5 = 2;"
	    "r5 = atomic_fetch_or((u64 *)(r10 - 16), r5); r0 = *(u64 *)(r10 - 16); exit;");
}

PROG("socket", atomic_on_context)
{
	ASM("r2 = 1; lock *(u64 *)(r1 + 0) += r2; r0 = 0; exit;");
}

PROG("socket", classic_loads)
{
	ASM("r6 = r1; r0 = *(u8 *)skb[14]; r7 = r0; r0 = *(u16 *)skb[r7]; r0 &= 1; exit;");
}

PROG("xdp", classic_loads_in_xdp)
{
	ASM("r6 = r1; r0 = *(u8 *)skb[14]; exit;");
}

PROG("xdp", packet_ranges)
{
	ASM("r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 14; r5 = r2; *(u64 *)(r10 - 8) = r2; if r4 > r3 goto l1_%=; r0 = *(u8 *)(r5 + 13);"
	    "r6 = *(u64 *)(r10 - 8); r0 = *(u8 *)(r6 + 12); r7 = *(u8 *)(r5 + 0); r7 &= 63; r8 = r2; r8 += r7; r9 = r8; r9 += 20; if r3 < r9 goto l1_%=;"
	    "r0 = *(u32 *)(r8 + 16); if r9 > r3 goto l1_%=; l1_%=: r0 = 2; exit;");
}

PROG("xdp", packet_just_at_the_end)
{
	ASM("r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 8; if r4 >= r3 goto l1_%=; r0 = *(u8 *)(r4 + 0); r0 = 2; exit; l1_%=:"
	    "if r4 < r3 goto +1; r0 = 1; r0 = *(u8 *)(r2 + 7); exit;");
}

PROG("xdp", metadata_ranges)
{
	ASM("r2 = *(u32 *)(r1 + 8); r3 = *(u32 *)(r1 + 0); r4 = r2; r4 += 4; if r3 < r4 goto l1_%=; r0 = *(u32 *)(r2 + 0); l1_%=: r0 = 2; exit;");
}

PROG("cgroup/skb", returns_two)
{
	ASM("r0 = 2; exit;");
}

PROG("cgroup/sock_create", returns_anything)
{
	ASM("call %[prandom]; r0 &= 3; exit;");
}

PROG("cgroup/connect4", returns_one)
{
	ASM("r0 = 1; exit;");
}

PROG("socket", returns_nothing)
{
	ASM("r1 = 0; exit;");
}

PROG("socket", divides_by_zero)
{
	ASM("r0 = 1; r0 /= 0; exit;");
}

PROG("socket", shifts_too_far)
{
	ASM("r0 = 1; w0 <<= 32; exit;");
}

PROG("socket", shifts_by_anything)
{
	ASM(ANY "call %[prandom]; r7 = r0; r7 &= 15; r6 <<= r7; r8 = 1; r8 <<= r7; w9 = 1; w9 >>= w7; r0 = r8; exit;");
}

PROG("socket", frame_is_read_only)
{
	ASM("r10 = 0; exit;");
}

char _license[] SEC("license") = "GPL";
