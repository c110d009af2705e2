/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed arguments for programs on kernel functions and tracepoints, on x86-64:
 * the kernel this project follows. <linux/ptrace.h> or "vmlinux.h" brings
 * struct pt_regs, whose members have other names in each.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include "bpf_helpers.h"

struct pt_regs;

/* --- Registers of struct pt_regs --- */

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)

#if defined(__KERNEL__) || defined(__VMLINUX_H__)
#define ___pt_reg(kernel, user) kernel
#else
#define ___pt_reg(kernel, user) user
#endif

#define ___pt_PARM1 ___pt_reg(di, rdi)
#define ___pt_PARM2 ___pt_reg(si, rsi)
#define ___pt_PARM3 ___pt_reg(dx, rdx)
#define ___pt_PARM4 ___pt_reg(cx, rcx)
#define ___pt_PARM5 r8
#define ___pt_PARM6 r9
#define ___pt_RC ___pt_reg(ax, rax)
#define ___pt_SP ___pt_reg(sp, rsp)
#define ___pt_FP ___pt_reg(bp, rbp)
#define ___pt_IP ___pt_reg(ip, rip)
/* System calls take their fourth argument in r10. */
#define ___pt_PARM4_SYSCALL r10

#define ___pt_get(regs, member) ((regs)->member)
/* Needs <bpf/bpf_core_read.h>. */
#define ___pt_get_core(regs, member) BPF_CORE_READ(regs, member)

#else

#define ___pt_missing(regs, member) \
	({ _Pragma("GCC error \"Must specify a BPF target arch via __TARGET_ARCH_xxx\""); 0l; })
#define ___pt_get ___pt_missing
#define ___pt_get_core ___pt_missing

#endif

#define PT_REGS_PARM1(regs) ___pt_get(regs, ___pt_PARM1)
#define PT_REGS_PARM2(regs) ___pt_get(regs, ___pt_PARM2)
#define PT_REGS_PARM3(regs) ___pt_get(regs, ___pt_PARM3)
#define PT_REGS_PARM4(regs) ___pt_get(regs, ___pt_PARM4)
#define PT_REGS_PARM5(regs) ___pt_get(regs, ___pt_PARM5)
#define PT_REGS_PARM6(regs) ___pt_get(regs, ___pt_PARM6)
#define PT_REGS_RC(regs) ___pt_get(regs, ___pt_RC)
#define PT_REGS_SP(regs) ___pt_get(regs, ___pt_SP)
#define PT_REGS_FP(regs) ___pt_get(regs, ___pt_FP)
#define PT_REGS_IP(regs) ___pt_get(regs, ___pt_IP)
/* Where the return address lies. */
#define PT_REGS_RET(regs) PT_REGS_SP(regs)

#define PT_REGS_PARM1_CORE(regs) ___pt_get_core(regs, ___pt_PARM1)
#define PT_REGS_PARM2_CORE(regs) ___pt_get_core(regs, ___pt_PARM2)
#define PT_REGS_PARM3_CORE(regs) ___pt_get_core(regs, ___pt_PARM3)
#define PT_REGS_PARM4_CORE(regs) ___pt_get_core(regs, ___pt_PARM4)
#define PT_REGS_PARM5_CORE(regs) ___pt_get_core(regs, ___pt_PARM5)
#define PT_REGS_PARM6_CORE(regs) ___pt_get_core(regs, ___pt_PARM6)
#define PT_REGS_RC_CORE(regs) ___pt_get_core(regs, ___pt_RC)
#define PT_REGS_SP_CORE(regs) ___pt_get_core(regs, ___pt_SP)
#define PT_REGS_FP_CORE(regs) ___pt_get_core(regs, ___pt_FP)
#define PT_REGS_IP_CORE(regs) ___pt_get_core(regs, ___pt_IP)
#define PT_REGS_RET_CORE(regs) PT_REGS_SP_CORE(regs)

#define PT_REGS_PARM1_SYSCALL(regs) ___pt_get(regs, ___pt_PARM1)
#define PT_REGS_PARM2_SYSCALL(regs) ___pt_get(regs, ___pt_PARM2)
#define PT_REGS_PARM3_SYSCALL(regs) ___pt_get(regs, ___pt_PARM3)
#define PT_REGS_PARM4_SYSCALL(regs) ___pt_get(regs, ___pt_PARM4_SYSCALL)
#define PT_REGS_PARM5_SYSCALL(regs) ___pt_get(regs, ___pt_PARM5)
#define PT_REGS_PARM6_SYSCALL(regs) ___pt_get(regs, ___pt_PARM6)
#define PT_REGS_PARM1_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM1)
#define PT_REGS_PARM2_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM2)
#define PT_REGS_PARM3_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM3)
#define PT_REGS_PARM4_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM4_SYSCALL)
#define PT_REGS_PARM5_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM5)
#define PT_REGS_PARM6_CORE_SYSCALL(regs) ___pt_get_core(regs, ___pt_PARM6)
/* A system call's function gets one argument: the registers with the caller's. */
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))

#define BPF_KPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx)); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip))); })

/* --- Programs as functions with arguments --- */

/*
 * `name` takes only the context, as the kernel calls it; what follows the macro
 * is the body of an inlined function with the declared arguments. `pass` are
 * the expressions they get.
 */
#define ___bpf_typed(name, context, prepare, pass, args...) \
	name(context *ctx); \
	static __always_inline typeof(name(0)) ____##name(context *ctx, ##args); \
	typeof(name(0)) name(context *ctx) \
	{ \
		_Pragma("GCC diagnostic push") \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		prepare \
		return ____##name pass; \
		_Pragma("GCC diagnostic pop") \
	} \
	static __always_inline typeof(name(0)) ____##name(context *ctx, ##args)

/* fentry, fexit, tp_btf, LSM, …: the context is an array of arguments. */
#define ___bpf_words0 ctx
#define ___bpf_words1 ___bpf_words0, ctx[0]
#define ___bpf_words2 ___bpf_words1, ctx[1]
#define ___bpf_words3 ___bpf_words2, ctx[2]
#define ___bpf_words4 ___bpf_words3, ctx[3]
#define ___bpf_words5 ___bpf_words4, ctx[4]
#define ___bpf_words6 ___bpf_words5, ctx[5]
#define ___bpf_words7 ___bpf_words6, ctx[6]
#define ___bpf_words8 ___bpf_words7, ctx[7]
#define ___bpf_words9 ___bpf_words8, ctx[8]
#define ___bpf_words10 ___bpf_words9, ctx[9]
#define ___bpf_words11 ___bpf_words10, ctx[10]
#define ___bpf_words12 ___bpf_words11, ctx[11]
#define BPF_PROG(name, args...) \
	___bpf_typed(name, unsigned long long, , (___bpf_join(___bpf_words, ___bpf_count(args))), ##args)

/* kprobe, uprobe: the context is struct pt_regs. */
#define ___bpf_parms0 ctx
#define ___bpf_parms1 ___bpf_parms0, (unsigned long long)PT_REGS_PARM1(ctx)
#define ___bpf_parms2 ___bpf_parms1, (unsigned long long)PT_REGS_PARM2(ctx)
#define ___bpf_parms3 ___bpf_parms2, (unsigned long long)PT_REGS_PARM3(ctx)
#define ___bpf_parms4 ___bpf_parms3, (unsigned long long)PT_REGS_PARM4(ctx)
#define ___bpf_parms5 ___bpf_parms4, (unsigned long long)PT_REGS_PARM5(ctx)
#define ___bpf_parms6 ___bpf_parms5, (unsigned long long)PT_REGS_PARM6(ctx)
#define BPF_KPROBE(name, args...) \
	___bpf_typed(name, struct pt_regs, , (___bpf_join(___bpf_parms, ___bpf_count(args))), ##args)
#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)

/* At the return of a function only what it returned is left. */
#define ___bpf_returned0 ctx
#define ___bpf_returned1 ctx, (unsigned long long)PT_REGS_RC(ctx)
#define BPF_KRETPROBE(name, args...) \
	___bpf_typed(name, struct pt_regs, , (___bpf_join(___bpf_returned, ___bpf_count(args))), ##args)
#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)

/* System calls: with a wrapper (as on x86-64) the registers are elsewhere and must be read. */
#define ___bpf_sys0 ctx
#define ___bpf_sys1 ___bpf_sys0, (unsigned long long)PT_REGS_PARM1_SYSCALL(regs)
#define ___bpf_sys2 ___bpf_sys1, (unsigned long long)PT_REGS_PARM2_SYSCALL(regs)
#define ___bpf_sys3 ___bpf_sys2, (unsigned long long)PT_REGS_PARM3_SYSCALL(regs)
#define ___bpf_sys4 ___bpf_sys3, (unsigned long long)PT_REGS_PARM4_SYSCALL(regs)
#define ___bpf_sys5 ___bpf_sys4, (unsigned long long)PT_REGS_PARM5_SYSCALL(regs)
#define ___bpf_sys6 ___bpf_sys5, (unsigned long long)PT_REGS_PARM6_SYSCALL(regs)
#define ___bpf_sys_core0 ctx
#define ___bpf_sys_core1 ___bpf_sys_core0, (unsigned long long)PT_REGS_PARM1_CORE_SYSCALL(regs)
#define ___bpf_sys_core2 ___bpf_sys_core1, (unsigned long long)PT_REGS_PARM2_CORE_SYSCALL(regs)
#define ___bpf_sys_core3 ___bpf_sys_core2, (unsigned long long)PT_REGS_PARM3_CORE_SYSCALL(regs)
#define ___bpf_sys_core4 ___bpf_sys_core3, (unsigned long long)PT_REGS_PARM4_CORE_SYSCALL(regs)
#define ___bpf_sys_core5 ___bpf_sys_core4, (unsigned long long)PT_REGS_PARM5_CORE_SYSCALL(regs)
#define ___bpf_sys_core6 ___bpf_sys_core5, (unsigned long long)PT_REGS_PARM6_CORE_SYSCALL(regs)
#define ___bpf_sys_prepare(call) \
	struct pt_regs *regs = LINUX_HAS_SYSCALL_WRAPPER ? (struct pt_regs *)PT_REGS_PARM1(ctx) : ctx; \
	if (LINUX_HAS_SYSCALL_WRAPPER) \
		return call;
#define BPF_KSYSCALL(name, args...) \
	name(struct pt_regs *ctx); \
	extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig; \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args); \
	typeof(name(0)) ___bpf_typed(name, struct pt_regs, \
		___bpf_sys_prepare(____##name(___bpf_join(___bpf_sys_core, ___bpf_count(args)))), \
		(___bpf_join(___bpf_sys, ___bpf_count(args))), ##args)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL

/*
 * BPF_PROG2(name, type, name, type, name, …): as BPF_PROG, also for structs passed
 * by value, which take as many words of the context as they fill.
 */
#define ___bpf_slots(t) ((sizeof(t) + 7) / 8)
#define ___bpf_slot(t, at) \
	__builtin_choose_expr(sizeof(t) > 8, \
		({ union { unsigned long long w[2]; t v; } ___u = { .w = { ctx[at], ctx[(at) + 1] } }; ___u.v; }), \
		({ union { unsigned long long w; t v; } ___u = { .w = ctx[at] }; ___u.v; }))
#define ___bpf_25th(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, \
		    _19, _20, _21, _22, _23, _24, _25, nth, ...) nth
#define ___bpf_pairs(args...) \
	___bpf_25th(_, ##args, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0)
#define ___bpf_pass0(at)
#define ___bpf_pass1(at, t, v) , ___bpf_slot(t, at)
#define ___bpf_pass2(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass1(at + ___bpf_slots(t), rest)
#define ___bpf_pass3(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass2(at + ___bpf_slots(t), rest)
#define ___bpf_pass4(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass3(at + ___bpf_slots(t), rest)
#define ___bpf_pass5(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass4(at + ___bpf_slots(t), rest)
#define ___bpf_pass6(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass5(at + ___bpf_slots(t), rest)
#define ___bpf_pass7(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass6(at + ___bpf_slots(t), rest)
#define ___bpf_pass8(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass7(at + ___bpf_slots(t), rest)
#define ___bpf_pass9(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass8(at + ___bpf_slots(t), rest)
#define ___bpf_pass10(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass9(at + ___bpf_slots(t), rest)
#define ___bpf_pass11(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass10(at + ___bpf_slots(t), rest)
#define ___bpf_pass12(at, t, v, rest...) , ___bpf_slot(t, at) ___bpf_pass11(at + ___bpf_slots(t), rest)
#define ___bpf_decl0()
#define ___bpf_decl1(t, v) , t v
#define ___bpf_decl2(t, v, rest...) , t v ___bpf_decl1(rest)
#define ___bpf_decl3(t, v, rest...) , t v ___bpf_decl2(rest)
#define ___bpf_decl4(t, v, rest...) , t v ___bpf_decl3(rest)
#define ___bpf_decl5(t, v, rest...) , t v ___bpf_decl4(rest)
#define ___bpf_decl6(t, v, rest...) , t v ___bpf_decl5(rest)
#define ___bpf_decl7(t, v, rest...) , t v ___bpf_decl6(rest)
#define ___bpf_decl8(t, v, rest...) , t v ___bpf_decl7(rest)
#define ___bpf_decl9(t, v, rest...) , t v ___bpf_decl8(rest)
#define ___bpf_decl10(t, v, rest...) , t v ___bpf_decl9(rest)
#define ___bpf_decl11(t, v, rest...) , t v ___bpf_decl10(rest)
#define ___bpf_decl12(t, v, rest...) , t v ___bpf_decl11(rest)
#define ___bpf_decls(args...) ___bpf_join(___bpf_decl, ___bpf_pairs(args))(args)
#define BPF_PROG2(name, args...) \
	name(unsigned long long *ctx); \
	static __always_inline typeof(name(0)) ____##name(unsigned long long *ctx ___bpf_decls(args)); \
	typeof(name(0)) name(unsigned long long *ctx) \
	{ \
		return ____##name(ctx ___bpf_join(___bpf_pass, ___bpf_pairs(args))(0, ##args)); \
	} \
	static __always_inline typeof(name(0)) ____##name(unsigned long long *ctx ___bpf_decls(args))

#endif
