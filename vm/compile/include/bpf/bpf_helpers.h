/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF programs in C say to the loader and the verifier: sections, map
 * definitions, tags, printing and loops. The names are libbpf's interface;
 * include <linux/bpf.h> or "vmlinux.h" first, helpers use the kernel's types.
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include "bpf_helper_defs.h"

/* --- Sections and map definitions --- */

#define SEC(name) __attribute__((section(name), used))

/* A map is a struct whose members' types carry numbers and types. */
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
#define __ulong(name, val) enum { ___bpf_join(___bpf_value_, __COUNTER__) = val } name

enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	LIBBPF_PIN_BY_NAME,
};

enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

/* --- Attributes --- */

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* Verified where it is called, as a static function is. */
#define __hidden __attribute__((visibility("hidden")))

#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))

#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

/* --- Small things programs expect --- */

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(major, minor, patch) \
	(((major) << 16) + ((minor) << 8) + ((patch) < 256 ? (patch) : 255))
#endif

/* Written with -> so that the compiler records the field for relocation. */
#undef offsetof
#define offsetof(type, member) ((unsigned long)&((type *)0)->member)
#undef container_of
#define container_of(ptr, type, member) ({ \
	void *___member = (void *)(ptr); \
	(type *)(___member - offsetof(type, member)); \
})

#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
/* The compiler may assume nothing of what `var` holds from here on. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif
#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

#define bpf_ksym_exists(sym) ({ \
	_Static_assert(!__builtin_constant_p(!!sym), #sym " should be marked as __weak"); \
	!!sym; \
})

/*
 * A tail call to a slot known when compiling. In assembly, so that no
 * optimisation merges calls with different slots.
 */
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const __u32 slot)
{
	if (!__builtin_constant_p(slot))
		__bpf_unreachable();
	asm volatile("r1 = %[ctx]\n"
		     "r2 = %[map]\n"
		     "r3 = %[slot]\n"
		     "call 12\n"
		     :
		     : [ctx] "r"(ctx), [map] "r"(map), [slot] "i"(slot)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
}

/* --- Counting and visiting macro arguments --- */

#define ___bpf_join_(a, b) a##b
#define ___bpf_join(a, b) ___bpf_join_(a, b)
#define ___bpf_13th(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, nth, ...) nth
#define ___bpf_count(args...) \
	___bpf_13th(_, ##args, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define ___bpf_put0(to)
#define ___bpf_put1(to, a) *to++ = a;
#define ___bpf_put2(to, a, rest...) *to++ = a; ___bpf_put1(to, rest)
#define ___bpf_put3(to, a, rest...) *to++ = a; ___bpf_put2(to, rest)
#define ___bpf_put4(to, a, rest...) *to++ = a; ___bpf_put3(to, rest)
#define ___bpf_put5(to, a, rest...) *to++ = a; ___bpf_put4(to, rest)
#define ___bpf_put6(to, a, rest...) *to++ = a; ___bpf_put5(to, rest)
#define ___bpf_put7(to, a, rest...) *to++ = a; ___bpf_put6(to, rest)
#define ___bpf_put8(to, a, rest...) *to++ = a; ___bpf_put7(to, rest)
#define ___bpf_put9(to, a, rest...) *to++ = a; ___bpf_put8(to, rest)
#define ___bpf_put10(to, a, rest...) *to++ = a; ___bpf_put9(to, rest)
#define ___bpf_put11(to, a, rest...) *to++ = a; ___bpf_put10(to, rest)
#define ___bpf_put12(to, a, rest...) *to++ = a; ___bpf_put11(to, rest)

/* --- Printing --- */

/* Statements that put the format and the values, as an array of u64, into ___fmt and ___values. */
#define ___bpf_values(fmt, args...) \
	static const char ___fmt[] = fmt; \
	unsigned long long ___values[___bpf_count(args)]; \
	unsigned long long *___to __attribute__((unused)) = ___values; \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
	___bpf_join(___bpf_put, ___bpf_count(args))(___to, ##args) \
	_Pragma("GCC diagnostic pop")

#define BPF_SEQ_PRINTF(seq, fmt, args...) ({ \
	___bpf_values(fmt, ##args) \
	bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
})
#define BPF_SNPRINTF(out, out_size, fmt, args...) ({ \
	___bpf_values(fmt, ##args) \
	bpf_snprintf(out, out_size, ___fmt, ___values, sizeof(___values)); \
})
#define __bpf_vprintk(fmt, args...) ({ \
	___bpf_values(fmt, ##args) \
	bpf_trace_vprintk(___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
})

#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif
#define __bpf_printk(fmt, args...) ({ \
	BPF_PRINTK_FMT_MOD char ___fmt[] = fmt; \
	bpf_trace_printk(___fmt, sizeof(___fmt), ##args); \
})

/* The older helper takes three values at most. */
#define ___bpf_printk0 __bpf_printk
#define ___bpf_printk1 __bpf_printk
#define ___bpf_printk2 __bpf_printk
#define ___bpf_printk3 __bpf_printk
#define ___bpf_printk4 __bpf_vprintk
#define ___bpf_printk5 __bpf_vprintk
#define ___bpf_printk6 __bpf_vprintk
#define ___bpf_printk7 __bpf_vprintk
#define ___bpf_printk8 __bpf_vprintk
#define ___bpf_printk9 __bpf_vprintk
#define ___bpf_printk10 __bpf_vprintk
#define ___bpf_printk11 __bpf_vprintk
#define ___bpf_printk12 __bpf_vprintk
#define bpf_printk(fmt, args...) ___bpf_join(___bpf_printk, ___bpf_count(args))(fmt, ##args)

/* --- Loops over iterators --- */

struct bpf_iter_num;

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

/*
 * The head of a for loop with an iterator of its own: made once, destroyed on
 * every way out. Naming the destructor puts it into the object's BTF.
 */
#define ___bpf_for_head(kind, args...) \
	struct bpf_iter_##kind ___it \
	__attribute__((aligned(8), cleanup(bpf_iter_##kind##_destroy))), \
	*___once __attribute__((unused)) = \
		(bpf_iter_##kind##_new(&___it, ##args), (void)bpf_iter_##kind##_destroy, (void *)0)

#ifndef bpf_for_each
#define bpf_for_each(kind, cur, args...) \
	for (___bpf_for_head(kind, ##args); ((cur) = bpf_iter_##kind##_next(&___it));)
#endif

/* The second comparison is for the verifier: it proves that i lies in [start, end). */
#ifndef bpf_for
#define bpf_for(i, start, end) \
	for (___bpf_for_head(num, (start), (end)); ({ \
		int *___next = bpf_iter_num_next(&___it); \
		(___next && ((i) = *___next, (i) >= (start) && (i) < (end))); \
	});)
#endif

#ifndef bpf_repeat
#define bpf_repeat(times) \
	for (___bpf_for_head(num, 0, (times)); bpf_iter_num_next(&___it);)
#endif

#endif
