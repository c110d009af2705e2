/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and questions about kernel types that the loader adjusts to the running
 * kernel ("compile once, run everywhere"): the compiler records each field,
 * type or enumerator, the loader fills in the offset, size or value.
 */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include "bpf_helpers.h"

/* What is asked: second arguments of clang's __builtin_preserve_* and __builtin_btf_type_id. */
enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};
enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};
enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};
enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

/* Own copies of the macros of bpf_helpers.h: a macro does not expand inside itself. */
#define ___core_join_(a, b) a##b
#define ___core_join(a, b) ___core_join_(a, b)
#define ___core_11th(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, nth, ...) nth
#define ___core_count(args...) ___core_11th(_, ##args, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define ___core_unwrap(args...) args

/* --- Questions --- */

#define ___core_null(type) ((typeof(type) *)0)

/* Takes an access (p->field) or a type and a field (struct s, field). */
#define ___core_field1(access) (access)
#define ___core_field2(type, field) (___core_null(type)->field)
#define ___core_ask_field(kind, field...) \
	__builtin_preserve_field_info(___core_join(___core_field, ___core_count(field))(field), kind)

#define bpf_core_field_exists(field...) ___core_ask_field(BPF_FIELD_EXISTS, field)
#define bpf_core_field_size(field...) ___core_ask_field(BPF_FIELD_BYTE_SIZE, field)
#define bpf_core_field_offset(field...) ___core_ask_field(BPF_FIELD_BYTE_OFFSET, field)

#define bpf_core_type_id_local(type) __builtin_btf_type_id(*___core_null(type), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(*___core_null(type), BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*___core_null(type), BPF_TYPE_EXISTS)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*___core_null(type), BPF_TYPE_SIZE)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*___core_null(type), BPF_TYPE_MATCHES)

#define bpf_core_enum_value_exists(type, value) \
	__builtin_preserve_enum_value(*(typeof(type) *)value, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(type, value) \
	__builtin_preserve_enum_value(*(typeof(type) *)value, BPF_ENUMVAL_VALUE)

/* --- Reading --- */

#define ___core_at(src) ((const void *)__builtin_preserve_access_index(src))

#define bpf_core_read(dst, size, src) bpf_probe_read_kernel(dst, size, ___core_at(src))
#define bpf_core_read_user(dst, size, src) bpf_probe_read_user(dst, size, ___core_at(src))
#define bpf_core_read_str(dst, size, src) bpf_probe_read_kernel_str(dst, size, ___core_at(src))
#define bpf_core_read_user_str(dst, size, src) bpf_probe_read_user_str(dst, size, ___core_at(src))

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define bpf_core_cast(ptr, type) \
	((typeof(type) *)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))

/* --- Bit fields --- */

#define ___core_bits(obj, field, kind) __builtin_preserve_field_info((obj)->field, kind)

/* Moves the field's bits to the top of `val`, then down with or without its sign. */
#define ___core_bits_value(obj, field, val) ({ \
	val <<= ___core_bits(obj, field, BPF_FIELD_LSHIFT_U64); \
	if (___core_bits(obj, field, BPF_FIELD_SIGNED)) \
		val = ((long long)val) >> ___core_bits(obj, field, BPF_FIELD_RSHIFT_U64); \
	else \
		val = val >> ___core_bits(obj, field, BPF_FIELD_RSHIFT_U64); \
	val; \
})

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___core_bits_room(obj, field) 0
#else
#define ___core_bits_room(obj, field) (8 - ___core_bits(obj, field, BPF_FIELD_BYTE_SIZE))
#endif

#define BPF_CORE_READ_BITFIELD_PROBED(obj, field) ({ \
	unsigned long long ___val = 0; \
	bpf_probe_read_kernel((void *)&___val + ___core_bits_room(obj, field), \
			      ___core_bits(obj, field, BPF_FIELD_BYTE_SIZE), \
			      (const void *)obj + ___core_bits(obj, field, BPF_FIELD_BYTE_OFFSET)); \
	___core_bits_value(obj, field, ___val); \
})

/* The empty assembly keeps the offset in one register: one relocation instead of four. */
#define BPF_CORE_READ_BITFIELD(obj, field) ({ \
	const void *___at = (const void *)obj + ___core_bits(obj, field, BPF_FIELD_BYTE_OFFSET); \
	unsigned long long ___val; \
	asm volatile("" : "+r"(___at)); \
	switch (___core_bits(obj, field, BPF_FIELD_BYTE_SIZE)) { \
	case 1: ___val = *(const unsigned char *)___at; break; \
	case 2: ___val = *(const unsigned short *)___at; break; \
	case 4: ___val = *(const unsigned int *)___at; break; \
	case 8: ___val = *(const unsigned long long *)___at; break; \
	default: ___val = 0; break; \
	} \
	___core_bits_value(obj, field, ___val); \
})

#define BPF_CORE_WRITE_BITFIELD(obj, field, value) ({ \
	void *___at = (void *)obj + ___core_bits(obj, field, BPF_FIELD_BYTE_OFFSET); \
	unsigned int ___size = ___core_bits(obj, field, BPF_FIELD_BYTE_SIZE); \
	unsigned int ___left = ___core_bits(obj, field, BPF_FIELD_LSHIFT_U64); \
	unsigned int ___right = ___core_bits(obj, field, BPF_FIELD_RSHIFT_U64); \
	unsigned long long ___mask, ___val, ___new = value; \
	unsigned int ___up = ___right - ___left; \
	asm volatile("" : "+r"(___at)); \
	switch (___size) { \
	case 1: ___val = *(unsigned char *)___at; break; \
	case 2: ___val = *(unsigned short *)___at; break; \
	case 4: ___val = *(unsigned int *)___at; break; \
	case 8: ___val = *(unsigned long long *)___at; break; \
	} \
	___mask = (~0ULL << ___right) >> ___left; \
	___val = (___val & ~___mask) | ((___new << ___up) & ___mask); \
	switch (___size) { \
	case 1: *(unsigned char *)___at = ___val; break; \
	case 2: *(unsigned short *)___at = ___val; break; \
	case 4: *(unsigned int *)___at = ___val; break; \
	case 8: *(unsigned long long *)___at = ___val; break; \
	} \
})

/* --- Following pointers: BPF_CORE_READ(task, mm, exe_file, f_inode) --- */

/* The type of p->a->b, without const and the like. */
#define ___core_path1(p) p
#define ___core_path2(p, a) p->a
#define ___core_path3(p, a, b) p->a->b
#define ___core_path4(p, a, b, c) p->a->b->c
#define ___core_path5(p, a, b, c, d) p->a->b->c->d
#define ___core_path6(p, a, b, c, d, e) p->a->b->c->d->e
#define ___core_path7(p, a, b, c, d, e, f) p->a->b->c->d->e->f
#define ___core_path8(p, a, b, c, d, e, f, g) p->a->b->c->d->e->f->g
#define ___core_path9(p, a, b, c, d, e, f, g, h) p->a->b->c->d->e->f->g->h
#define ___core_path10(p, a, b, c, d, e, f, g, h, i) p->a->b->c->d->e->f->g->h->i
#define ___core_path(args...) ___core_join(___core_path, ___core_count(args))(args)
#if __clang_major__ >= 19
#define ___core_type(args...) __typeof_unqual__(___core_path(args))
#else
#define ___core_type(args...) typeof(___core_path(args))
#endif

#define ___core_step(fn, dst, type, from, field) fn((void *)(dst), sizeof(*(dst)), &((type)(from))->field)

/*
 * ___core_walkN(last, next, dst, done, from, fields...) reads N fields: all but
 * the last with `next` into ___at, the last with `last` into dst. `done` is the
 * bracketed list of what has been followed, for its type.
 */
#define ___core_of(done) ___core_type done
#define ___core_add(done, field) (___core_unwrap done, field)
#define ___core_walk1(last, next, dst, done, from, a) \
	___core_step(last, dst, ___core_of(done), from, a);
#define ___core_hop(next, done, from, a) \
	___core_step(next, &___at, ___core_of(done), from, a);
#define ___core_walk2(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk1(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk3(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk2(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk4(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk3(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk5(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk4(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk6(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk5(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk7(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk6(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk8(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk7(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_walk9(l, n, d, done, from, a, r...) \
	___core_hop(n, done, from, a) ___core_walk8(l, n, d, ___core_add(done, a), ___at, r)
#define ___core_into(last, next, dst, src, fields...) ({ \
	const void *___at __attribute__((unused)); \
	___core_join(___core_walk, ___core_count(fields))(last, next, dst, ((src)), src, fields) \
})
#define ___core_value(into, src, fields...) ({ \
	___core_type((src), fields) ___r; \
	into(&___r, src, fields); \
	___r; \
})

#define BPF_CORE_READ_INTO(dst, src, fields...) \
	___core_into(bpf_core_read, bpf_core_read, dst, (src), fields)
#define BPF_CORE_READ_USER_INTO(dst, src, fields...) \
	___core_into(bpf_core_read_user, bpf_core_read_user, dst, (src), fields)
#define BPF_PROBE_READ_INTO(dst, src, fields...) \
	___core_into(bpf_probe_read_kernel, bpf_probe_read_kernel, dst, (src), fields)
#define BPF_PROBE_READ_USER_INTO(dst, src, fields...) \
	___core_into(bpf_probe_read_user, bpf_probe_read_user, dst, (src), fields)
#define BPF_CORE_READ_STR_INTO(dst, src, fields...) \
	___core_into(bpf_core_read_str, bpf_core_read, dst, (src), fields)
#define BPF_CORE_READ_USER_STR_INTO(dst, src, fields...) \
	___core_into(bpf_core_read_user_str, bpf_core_read_user, dst, (src), fields)
#define BPF_PROBE_READ_STR_INTO(dst, src, fields...) \
	___core_into(bpf_probe_read_kernel_str, bpf_probe_read_kernel, dst, (src), fields)
#define BPF_PROBE_READ_USER_STR_INTO(dst, src, fields...) \
	___core_into(bpf_probe_read_user_str, bpf_probe_read_user, dst, (src), fields)

#define BPF_CORE_READ(src, fields...) ___core_value(BPF_CORE_READ_INTO, src, fields)
#define BPF_CORE_READ_USER(src, fields...) ___core_value(BPF_CORE_READ_USER_INTO, src, fields)
#define BPF_PROBE_READ(src, fields...) ___core_value(BPF_PROBE_READ_INTO, src, fields)
#define BPF_PROBE_READ_USER(src, fields...) ___core_value(BPF_PROBE_READ_USER_INTO, src, fields)

#endif
