// What users without capabilities may do with pointers, and what speculation costs them. mcpu=v4
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, __u64[6]);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64[3]);
} table SEC(".maps");

struct small {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[2]);
};

struct small inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct small);
} outer SEC(".maps") = { .values = { &inner } };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 6);
	__type(key, __u32);
	__type(value, __u32);
} first_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} other_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile __u64 limit = 12;

#define PROG(section, name) SEC(section) __attribute__((naked)) int name(void)
#define MAP(name) [name] "i"(&name)
#define FUNC(name) [name] "i"(BPF_FUNC_##name)
#define ASM(text) \
	asm volatile(text :: MAP(values), MAP(table), MAP(outer), MAP(first_programs), MAP(other_programs), MAP(per_cpu), MAP(events), \
		MAP(limit), FUNC(map_lookup_elem), FUNC(map_update_elem), FUNC(get_prandom_u32), FUNC(ktime_get_ns), FUNC(tail_call), \
		FUNC(jiffies64), FUNC(trace_printk), FUNC(ringbuf_reserve), FUNC(ringbuf_discard), FUNC(ringbuf_output), \
		FUNC(probe_read_kernel), FUNC(skb_load_bytes), FUNC(spin_lock), FUNC(loop), FUNC(get_current_pid_tgid), FUNC(strtol), \
		FUNC(snprintf), FUNC(perf_event_output), FUNC(map_lookup_percpu_elem), FUNC(get_smp_processor_id) : "memory")

// r0 = value of key 0 of a map, or the program ends
#define LOOKUP(map) "r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[" map "] ll; call %[map_lookup_elem];" \
	"if r0 != 0 goto +1; exit;"
// r9 = a value, r6 = any number the value holds
#define VALUE LOOKUP("values") "r9 = r0; r6 = *(u64 *)(r9 + 0);"
#define END "r0 = 0; exit;"

// -- leaks ---------------------------------------------------------------------------------------------------------

PROG("socket", returns_a_pointer) { ASM("r0 = r10; exit;"); }
PROG("socket", keeps_a_pointer_in_a_map) { ASM(VALUE "*(u64 *)(r9 + 0) = r10;" END); }
PROG("socket", adds_a_pointer_to_a_map) { ASM(VALUE "lock *(u64 *)(r9 + 0) += r10;" END); }
PROG("socket", exchanges_a_pointer) { ASM(VALUE "r1 = r10; r1 = xchg_64(r9 + 0, r1);" END); }
PROG("socket", keeps_a_pointer_in_the_context) { ASM("*(u64 *)(r1 + 48) = r10;" END); }
PROG("socket", hides_a_pointer_in_a_key)
{
	ASM("*(u64 *)(r10 - 8) = r10; r2 = r10; r2 += -8; r1 = %[table] ll; call %[map_lookup_elem];" END);
}
PROG("socket", gives_a_pointer_as_a_number) { ASM("r6 = r1; r1 = r6; r2 = r10; r3 = r10; r4 = 4; call %[skb_load_bytes];" END); }
PROG("socket", gives_a_pointer_to_output) { ASM("r1 = %[events] ll; r2 = r10; r2 += -8; *(u64 *)(r10 - 8) = r10; r3 = 8; r4 = 0; call %[ringbuf_output];" END); }
PROG("socket", halves_a_pointer) { ASM("w0 = w1; exit;"); }
PROG("socket", negates_a_pointer) { ASM("r1 = -r1;" END); }
PROG("socket", swaps_a_pointer) { ASM("r1 = bswap64 r1;" END); }
PROG("socket", shifts_a_pointer) { ASM("r2 = r10; r2 <<= 1;" END); }
PROG("socket", extends_a_pointer) { ASM("r2 = (s8)r10;" END); }
PROG("socket", multiplies_by_a_pointer) { ASM("r2 = 3; r2 *= r10;" END); }
PROG("socket", takes_a_pointer_from_a_number) { ASM("r2 = 3; r2 -= r10;" END); }
PROG("socket", subtracts_pointers) { ASM("r2 = r10; r2 += -8; r3 = r10; r3 -= r2; r0 = r3; exit;"); }
PROG("socket", adds_pointers) { ASM("r2 = r10; r2 += r10;" END); }
PROG("socket", compares_pointers) { ASM("if r1 == r10 goto +0;" END); }
PROG("socket", compares_a_pointer_with_a_number) { ASM("if r10 s> 7 goto +0;" END); }
PROG("socket", compares_half_a_pointer) { ASM("if w1 == 0 goto +0;" END); }
PROG("socket", compares_with_null) { ASM("if r1 == 0 goto +1; r0 = 1; " END); }
PROG("socket", compares_a_checked_pointer_with_null) { ASM(VALUE "if r9 == 0 goto +1; r0 = *(u64 *)(r9 + 8); r0 = 1; exit;"); }
PROG("socket", map_pointers_compared) { ASM("r1 = %[values] ll; r2 = %[table] ll; if r1 == r2 goto +0;" END); }
PROG("socket", arithmetic_on_a_map_pointer) { ASM("r1 = %[values] ll; r1 += 8;" END); }
PROG("socket", reads_a_map_pointer) { ASM("r1 = %[values] ll; r0 = *(u64 *)(r1 + 0);" END); }
PROG("socket", arithmetic_before_the_check)
{
	ASM("r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[values] ll; call %[map_lookup_elem]; r0 += 8; if r0 == 0 goto +1; r0 = 0; exit;");
}
PROG("socket", null_is_a_number)
{
	ASM("r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[table] ll; call %[map_lookup_elem]; r7 = r0; *(u64 *)(r10 - 16) = r0;"
	    "if r0 == 0 goto +2; r0 = *(u64 *)(r0 + 16); exit; r8 = *(u64 *)(r10 - 16); r7 += r8; r0 = r7; exit;");
}
PROG("socket", after_a_call) { ASM("call %[get_prandom_u32]; r0 = r1; exit;"); }

// -- the stack -----------------------------------------------------------------------------------------------------

PROG("socket", spills_and_fills) { ASM("*(u64 *)(r10 - 8) = r1; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 0); exit;"); }
PROG("socket", spills_half_a_pointer) { ASM("*(u32 *)(r10 - 8) = r1;" END); }
PROG("socket", fills_half_a_pointer) { ASM("*(u64 *)(r10 - 8) = r1; r0 = *(u32 *)(r10 - 8); exit;"); }
PROG("socket", writes_into_a_spilled_pointer) { ASM("*(u64 *)(r10 - 8) = r1; r2 = 1; *(u8 *)(r10 - 5) = r2;" END); }
PROG("socket", writes_over_a_spilled_pointer) { ASM("*(u64 *)(r10 - 8) = r1; *(u64 *)(r10 - 8) = 0; r0 = *(u64 *)(r10 - 8); exit;"); }
PROG("socket", a_pointer_over_a_number) { ASM("*(u64 *)(r10 - 8) = 5; *(u64 *)(r10 - 8) = r1; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 0); exit;"); }
PROG("socket", a_pointer_over_unknown_bytes) { ASM("*(u64 *)(r10 - 8) = r10; r2 = *(u64 *)(r10 - 8); *(u32 *)(r10 - 12) = 7; r0 = *(u32 *)(r10 - 12); exit;"); }
PROG("socket", atomic_on_a_spilled_pointer) { ASM("*(u64 *)(r10 - 8) = r1; r2 = 1; lock *(u64 *)(r10 - 8) += r2;" END); }
PROG("socket", fetches_a_spilled_pointer) { ASM("*(u64 *)(r10 - 8) = r1; r2 = 1; r2 = atomic_fetch_add((u64 *)(r10 - 8), r2); r0 = r2; exit;"); }
PROG("socket", numbers_in_pieces)
{
	ASM("r2 = 0x1122334455667788 ll; *(u64 *)(r10 - 8) = r2; r3 = *(u32 *)(r10 - 8); r4 = *(u16 *)(r10 - 4); *(u8 *)(r10 - 6) = r3;"
	    "r0 = *(u64 *)(r10 - 8); w5 = 9; *(u32 *)(r10 - 16) = w5; *(u32 *)(r10 - 12) = w5; r5 = *(u64 *)(r10 - 16); r0 += r5; exit;");
}
PROG("socket", reads_what_nobody_wrote) { ASM("r0 = *(u64 *)(r10 - 8); exit;"); }
PROG("socket", reads_half_of_what_was_written) { ASM("*(u32 *)(r10 - 8) = 1; r0 = *(u64 *)(r10 - 8); exit;"); }
PROG("socket", reads_anywhere)
{
	ASM("*(u64 *)(r10 - 8) = 0; *(u64 *)(r10 - 16) = 0; call %[get_prandom_u32]; r0 &= 7; r2 = r10; r2 += -16; r2 += r0; r0 = *(u8 *)(r2 + 0);" END);
}
PROG("socket", writes_anywhere) { ASM("call %[get_prandom_u32]; r0 &= 7; r2 = r10; r2 += -16; r2 += r0; *(u8 *)(r2 + 0) = 0;" END); }
PROG("socket", a_key_nobody_wrote) { ASM("r2 = r10; r2 += -4; r1 = %[table] ll; call %[map_lookup_elem];" END); }
PROG("socket", a_key_with_a_pointer_beside) { ASM("*(u64 *)(r10 - 16) = r1; *(u64 *)(r10 - 8) = 1; r2 = r10; r2 += -8; r1 = %[table] ll; call %[map_lookup_elem];" END); }
PROG("socket", a_value_with_a_pointer)
{
	ASM("*(u64 *)(r10 - 8) = 1; *(u64 *)(r10 - 16) = 2; *(u64 *)(r10 - 24) = r10; *(u64 *)(r10 - 32) = 1; r2 = r10; r2 += -32; r3 = r10; r3 += -24;"
	    "r4 = 0; r1 = %[table] ll; call %[map_update_elem];" END);
}

// -- arithmetic on pointers: masked against speculation --------------------------------------------------------------

PROG("socket", adds_a_small_number) { ASM(VALUE "r6 &= 31; r9 += r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", adds_up_to_the_end) { ASM(VALUE "if r6 > 40 goto +2; r9 += r6; r0 = *(u64 *)(r9 + 0);" END); }
PROG("socket", adds_past_the_end) { ASM(VALUE "r6 &= 63; r9 += r6; r0 = *(u8 *)(r9 - 16);" END); }
PROG("socket", adds_to_the_number) { ASM(VALUE "r6 &= 31; r6 += r9; r0 = *(u8 *)(r6 + 0);" END); }
PROG("socket", adds_a_constant_in_a_register) { ASM(VALUE "r7 = 16; r9 += r7; r0 = *(u64 *)(r9 + 0); r8 = 8; r9 -= r8; r0 = *(u64 *)(r9 + 0);" END); }
PROG("socket", adds_a_constant) { ASM(VALUE "r9 += 40; r0 = *(u64 *)(r9 + 0); r9 += -40; r0 = *(u64 *)(r9 + 0);" END); }
PROG("socket", adds_a_constant_too_large) { ASM(VALUE "r9 += 48;" END); }
PROG("socket", adds_a_negative_constant) { ASM(VALUE "r9 += 24; r7 = -8; r9 += r7; r0 = *(u64 *)(r9 + 0);" END); }
PROG("socket", subtracts_a_small_number) { ASM(VALUE "r9 += 32; r6 &= 31; r9 -= r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", subtracts_below_the_start) { ASM(VALUE "r6 &= 31; r9 -= r6; r0 = *(u8 *)(r9 + 31);" END); }
PROG("socket", adds_what_is_negative) { ASM(VALUE "r9 += 32; if r6 s< -20 goto +3; if r6 s>= 0 goto +2; r9 += r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", subtracts_what_is_negative) { ASM(VALUE "if r6 s< -20 goto +3; if r6 s>= 0 goto +2; r9 -= r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", adds_what_may_be_negative) { ASM(VALUE "r9 += 16; if r6 s< -8 goto +3; if r6 s> 8 goto +2; r9 += r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", adds_anything) { ASM(VALUE "r9 += r6; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", adds_twice) { ASM(VALUE "r7 = r6; r6 &= 15; r7 >>= 60; r9 += r6; r9 += r7; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", adds_in_words) { ASM(VALUE "w6 &= 15; w9 += w6;" END); }
PROG("socket", one_sum_of_two_paths) { ASM(VALUE "r7 = 8; if r6 != 0 goto +1; r7 = 16; r9 += r7; r0 = *(u64 *)(r9 + 0);" END); }
PROG("socket", one_sum_of_two_ranges) { ASM(VALUE "r7 = r6; r7 &= 7; if r6 s> 0 goto +1; r7 |= 16; r9 += r7; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", one_sum_from_two_starts) { ASM(VALUE "r7 = r6; r7 &= 7; if r6 s> 0 goto +1; r9 += 16; r9 += r7; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", one_sum_of_two_maps)
{
	ASM(VALUE LOOKUP("table") "r8 = r0; r7 = 7; r7 &= r6; if r6 s> 0 goto +1; r9 = r8; r9 += r7; r0 = *(u8 *)(r9 + 0);" END);
}
PROG("socket", one_sum_of_numbers_and_pointers) { ASM(VALUE "r7 = 4; r8 = r6; if r6 s> 0 goto +1; r8 = r9; r8 += r7;" END); }
PROG("socket", sums_of_numbers) { ASM(VALUE "r7 = r6; r7 += r6; r7 -= r9; r0 = 0; exit;"); }
PROG("socket", sums_of_numbers_only) { ASM(VALUE "r7 = r6; r7 += r6; if r6 s> 3 goto +1; r7 -= r6; w7 += w6; r7 -= 3; r0 = r7; exit;"); }
PROG("socket", moves_the_frame_pointer) { ASM("r2 = r10; r3 = -16; r2 += r3; *(u64 *)(r2 + 0) = 1; r0 = *(u64 *)(r10 - 16); exit;"); }
PROG("socket", moves_the_frame_pointer_anywhere) { ASM("call %[get_prandom_u32]; r2 = r10; r2 += -32; r0 &= 15; r2 += r0; *(u8 *)(r2 + 0) = 1;" END); }
PROG("socket", moves_the_frame_pointer_out) { ASM("r2 = r10; r2 += -513;" END); }
PROG("socket", moves_the_frame_pointer_up) { ASM("r2 = r10; r3 = 8; r2 += r3;" END); }
PROG("socket", moves_the_frame_pointer_by_difference) { ASM("r2 = r10; r2 += -64; r3 = -16; r2 -= r3; *(u64 *)(r2 + 0) = 1; r0 = *(u64 *)(r10 - 48); exit;"); }
PROG("socket", moves_the_context) { ASM("r1 += 8; r0 = *(u32 *)(r1 + 0); exit;"); }
PROG("socket", moves_the_context_by_a_register) { ASM("r2 = 8; r1 += r2; r0 = *(u32 *)(r1 + 0); exit;"); }
PROG("socket", an_inner_map)
{
	ASM("r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[outer] ll; call %[map_lookup_elem]; if r0 != 0 goto +1; exit; r1 = r0; r2 = r10; r2 += -4;"
	    "call %[map_lookup_elem]; if r0 != 0 goto +1; exit; r6 = *(u64 *)(r0 + 8); r6 &= 7; r0 += r6; r0 = *(u8 *)(r0 + 0); exit;");
}
PROG("socket", global_data) { ASM("r1 = %[limit] ll; r2 = *(u64 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r1 += r4;" END); }

// -- what a mispredicted branch would run ----------------------------------------------------------------------------

PROG("socket", a_branch_never_taken) { ASM("r6 = 5; if r6 == 6 goto +2; r0 = 0; exit; r0 = r10; exit;"); }
PROG("socket", a_branch_always_taken) { ASM("r6 = 5; if r6 != 6 goto +2; r0 = 1; exit;" END); }
PROG("socket", unsafe_where_nothing_goes) { ASM("r6 = 5; if r6 == 6 goto +2; " END "r0 = *(u64 *)(r6 + 0); exit;"); }
PROG("socket", compared_with_a_register) { ASM("r6 = 5; r7 = 6; if r6 < r7 goto +2; r0 = *(u8 *)(r10 - 9); exit;" END); }
PROG("socket", unreached_behind_a_jump) { ASM("r0 = 0; r6 = 2; if w6 s> 7 goto +1; exit; r0 = 1; r0 += 1; exit;"); }
PROG("socket", a_long_load_where_nothing_goes) { ASM("r0 = 0; r6 = 2; if r6 s> 7 goto +1; exit; r1 = %[values] ll; r2 = 0x1234567800000001 ll; r0 = r2; exit;"); }
PROG("socket", speculation_meets_a_checked_path)
{
	ASM(VALUE "r7 = 1; if r6 > 40 goto +1; r7 = 2; if r7 == 3 goto +3; r6 &= 15; r9 += r6; r0 = *(u8 *)(r9 + 0); r0 = r7; exit;");
}
PROG("socket", speculation_past_a_bound) { ASM(VALUE "r7 = 4; if r7 > 3 goto +1; r7 = 300; r9 += r7; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", speculation_past_a_known_bound) { ASM(VALUE "r7 = 4; if r7 > 8 goto +2; r9 += r7; r0 = *(u8 *)(r9 + 0);" END); }
PROG("socket", masked_and_mispredicted) { ASM(VALUE "if r6 > 24 goto +4; r9 += r6; r0 = *(u64 *)(r9 + 0); r7 = r0; if r7 == 1 goto +0;" END); }
PROG("socket", two_masks_in_a_row) { ASM(VALUE "r7 = *(u64 *)(r9 + 8); r7 &= 15; r6 &= 15; r8 = r9; r8 += r6; r9 += r7; r0 = *(u8 *)(r8 + 0); r1 = *(u8 *)(r9 + 0); r0 += r1; exit;"); }
PROG("socket", back_to_the_start) { ASM("r0 = 0; l1_%=: r0 += 1; if r0 < 9 goto l1_%=; exit;"); }
PROG("socket", may_go_back) { ASM("r0 = 0; l1_%=: may_goto l2_%=; r0 += 1; goto l1_%=; l2_%=: exit;"); }
PROG("socket", a_far_jump) { ASM("r0 = 0; if r0 == 1 goto +1; gotol +1; r0 = 1; exit;"); }
PROG("socket", never_ends) { ASM("r0 = 0; goto -1;"); }
PROG("socket", falls_off_the_end) { ASM("r0 = 0; if r0 == 1 goto +1; exit; r0 = 7;"); }

#define FORK(bit, weight) "if r6 & " #bit " goto +1; r7 += " #weight ";"

PROG("socket", more_states_than_are_kept)
{
	ASM(VALUE "r7 = 0;" FORK(1, 1) FORK(2, 2) FORK(4, 4) FORK(8, 8) FORK(16, 16) FORK(32, 32) FORK(64, 64) "r8 = *(u64 *)(r9 + 8); r0 = r8; if r8 == 0 goto +1; r0 += r7; exit;");
}

// -- helpers, maps, sizes ----------------------------------------------------------------------------------------------

PROG("socket", jiffies) { ASM("call %[jiffies64]; exit;"); }
PROG("socket", prints) { ASM("r1 = r10; r1 += -8; *(u64 *)(r10 - 8) = 0; r2 = 8; call %[trace_printk]; exit;"); }
PROG("socket", reads_the_kernel) { ASM("r1 = r10; r1 += -8; r2 = 8; r3 = 0; call %[probe_read_kernel]; exit;"); }
PROG("socket", locks) { ASM("call %[spin_lock]; exit;"); }
PROG("socket", outputs) { ASM("call %[perf_event_output]; exit;"); }
PROG("socket", who_am_i) { ASM("call %[get_current_pid_tgid]; exit;"); }
PROG("socket", which_processor) { ASM("call %[get_smp_processor_id]; exit;"); }
PROG("socket", reserves)
{
	ASM("r1 = %[events] ll; r2 = 16; r3 = 0; call %[ringbuf_reserve]; if r0 == 0 goto +4; *(u64 *)(r0 + 8) = 1; r1 = r0; r2 = 0; call %[ringbuf_discard]; r0 = 0; exit;");
}
PROG("socket", reserves_and_forgets) { ASM("r1 = %[events] ll; r2 = 16; r3 = 0; call %[ringbuf_reserve]; r0 = 0; exit;"); }
PROG("socket", discards_and_reads)
{
	ASM("r1 = %[events] ll; r2 = 16; r3 = 0; call %[ringbuf_reserve]; if r0 == 0 goto +5; r6 = r0; r1 = r0; r2 = 0; call %[ringbuf_discard]; r0 = r6; exit;");
}
PROG("socket", looks_up_by_processor) { ASM("r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[per_cpu] ll; call %[map_lookup_elem]; if r0 == 0 goto +1; r0 = *(u64 *)(r0 + 0);" END); }
PROG("socket", looks_up_in_either)
{
	ASM("call %[get_prandom_u32]; r1 = 0; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[values] ll; if r0 s> 0 goto +2; r1 = %[table] ll; call %[map_lookup_elem];"
	    "if r0 == 0 goto +1; r0 = *(u64 *)(r0 + 0);" END);
}
PROG("socket", calls_a_known_program) { ASM("r2 = %[first_programs] ll; r3 = 2; call %[tail_call];" END); }
PROG("socket", calls_any_program) { ASM("r6 = r1; call %[get_prandom_u32]; r1 = r6; r2 = %[first_programs] ll; r3 = r0; call %[tail_call];" END); }
PROG("socket", calls_from_either)
{
	ASM("r6 = r1; call %[get_prandom_u32]; r1 = r6; r2 = %[first_programs] ll; if r0 s> 0 goto +2; r2 = %[other_programs] ll; r3 = 1; call %[tail_call];" END);
}

static __attribute__((naked, used)) int helped(void)
{
	asm volatile("r0 = 0; exit;");
}

PROG("socket", calls_its_own) { ASM("call helped; exit;"); }
PROG("socket", loops_by_callback) { ASM("r1 = 3; r2 = helped ll; r3 = 0; r4 = 0; call %[loop]; exit;"); }
PROG("socket", as_long_as_allowed) { ASM("r0 = 0; .rept 4094; r0 += 1; .endr; exit;"); }
PROG("socket", too_long) { ASM("r0 = 0; .rept 4095; r0 += 1; .endr; exit;"); }

PROG("cgroup_skb/egress", answers_two) { ASM("r0 = 2; exit;"); }
PROG("cgroup_skb/egress", answers_one) { ASM("r0 = 1; exit;"); }
PROG("cgroup_skb/ingress", answers_anything) { ASM("call %[get_prandom_u32]; exit;"); }
PROG("cgroup/skb", looks_at_data) { ASM("r0 = *(u32 *)(r1 + 76); r0 = 1; exit;"); }
PROG("cgroup/skb", looks_at_mark) { ASM("r0 = *(u32 *)(r1 + 8); r0 &= 1; exit;"); }
PROG("cgroup/skb", writes_mark) { ASM("*(u32 *)(r1 + 8) = 3; r0 = 1; exit;"); }
PROG("cgroup/skb", writes_time) { ASM("*(u64 *)(r1 + 152) = 3; r0 = 1; exit;"); }
PROG("cgroup/skb", writes_priority_from_a_pointer) { ASM("r2 = r1; *(u32 *)(r1 + 32) = r2; r0 = 1; exit;"); }
PROG("cgroup/skb", looks_at_the_socket) { ASM("r1 = *(u64 *)(r1 + 168); r0 = 1; if r1 == 0 goto +1; r2 = *(u32 *)(r1 + 4); exit;"); }
PROG("cgroup/skb", returns_the_socket) { ASM("r0 = *(u64 *)(r1 + 168); exit;"); }
PROG("tracepoint/syscalls/sys_enter_open", another_type) { ASM(END); }
PROG("xdp", yet_another_type) { ASM("r0 = 2; exit;"); }

char _license[] SEC("license") = "GPL";
