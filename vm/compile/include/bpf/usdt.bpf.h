/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of USDT probes, for programs of SEC("usdt/FILE:PROVIDER:NAME").
 *
 * Who attaches such a program writes into a map where each argument lies when the probe is hit. Names and layouts of the
 * two maps are those that libbpf fills; the rest is this project's own.
 */
#ifndef __USDT_BPF_H__
#define __USDT_BPF_H__

#include "bpf_helpers.h"
#include "bpf_tracing.h"

/* Probes that an object's programs can be attached to, and places of them in memory. */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif
#define BPF_USDT_MAX_ARG_CNT 12

enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,	/* val_off is the value */
	BPF_USDT_ARG_REG,	/* the register holds it */
	BPF_USDT_ARG_REG_DEREF,	/* it is in memory, at the register and val_off */
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
	enum __bpf_usdt_arg_type arg_type;
	short reg_off;		/* of the register in struct pt_regs */
	_Bool arg_signed;
	char arg_bitshift;	/* 64 less the argument's own bits */
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, 2 /* BPF_MAP_TYPE_ARRAY */);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps");

/* For kernels whose programs cannot ask for a cookie (older than 5.15). */
struct {
	__uint(type, 1 /* BPF_MAP_TYPE_HASH */);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps");

/* Where struct pt_regs of x86-64 has the instruction pointer. */
#define ___bpf_usdt_ip 128

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct __bpf_usdt_spec *___bpf_usdt_spec(struct pt_regs *ctx)
{
	__u32 id;

	if (LINUX_HAS_BPF_COOKIE) {
		id = bpf_get_attach_cookie(ctx);
	} else {
		long ip = *(long *)((void *)ctx + ___bpf_usdt_ip);
		__u32 *known = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);

		if (!known)
			return 0;
		id = *known;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

/* How many arguments the probe has; -3 (ESRCH): the probe is not known. */
static __always_inline int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);

	return spec ? spec->arg_cnt : -3;
}

/* An argument, from 0; -2 (ENOENT): there is none of this number, -3 (ESRCH): the probe is not known. */
static __always_inline int bpf_usdt_arg(struct pt_regs *ctx, __u64 arg_num, long *res)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);
	struct __bpf_usdt_arg_spec *arg;
	unsigned long value = 0;
	int err;

	*res = 0;
	if (!spec)
		return -3;
	asm volatile("" : "+r"(arg_num)); /* what is compared is what is used */
	if (arg_num >= BPF_USDT_MAX_ARG_CNT || (short)arg_num >= spec->arg_cnt)
		return -2;
	arg = &spec->args[arg_num];
	if (arg->arg_type == BPF_USDT_ARG_CONST) {
		value = arg->val_off;
	} else {
		err = bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + arg->reg_off);
		if (!err && arg->arg_type == BPF_USDT_ARG_REG_DEREF)
			err = bpf_probe_read_user(&value, sizeof(value), (void *)value + arg->val_off);
		if (err)
			return err;
	}
	value <<= arg->arg_bitshift & 63;
	*res = arg->arg_signed ? (long)value >> (arg->arg_bitshift & 63) : (long)(value >> (arg->arg_bitshift & 63));
	return 0;
}

/* What who attached the program gave along; 0 if the probe is not known. */
static __always_inline long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);

	return spec ? (long)spec->usdt_cookie : 0;
}

/* BPF_USDT(name, int fd, long bytes): a program with the probe's arguments. */
#define ___bpf_usdt_value(n) ({ long ___value; bpf_usdt_arg(ctx, n, &___value); ___value; })
#define ___bpf_usdt0 ctx
#define ___bpf_usdt1 ___bpf_usdt0, ___bpf_usdt_value(0)
#define ___bpf_usdt2 ___bpf_usdt1, ___bpf_usdt_value(1)
#define ___bpf_usdt3 ___bpf_usdt2, ___bpf_usdt_value(2)
#define ___bpf_usdt4 ___bpf_usdt3, ___bpf_usdt_value(3)
#define ___bpf_usdt5 ___bpf_usdt4, ___bpf_usdt_value(4)
#define ___bpf_usdt6 ___bpf_usdt5, ___bpf_usdt_value(5)
#define ___bpf_usdt7 ___bpf_usdt6, ___bpf_usdt_value(6)
#define ___bpf_usdt8 ___bpf_usdt7, ___bpf_usdt_value(7)
#define ___bpf_usdt9 ___bpf_usdt8, ___bpf_usdt_value(8)
#define ___bpf_usdt10 ___bpf_usdt9, ___bpf_usdt_value(9)
#define ___bpf_usdt11 ___bpf_usdt10, ___bpf_usdt_value(10)
#define ___bpf_usdt12 ___bpf_usdt11, ___bpf_usdt_value(11)
#define BPF_USDT(name, args...) \
	___bpf_typed(name, struct pt_regs, , (___bpf_join(___bpf_usdt, ___bpf_count(args))), ##args)

#endif
