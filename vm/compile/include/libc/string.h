/* SPDX-License-Identifier: GPL-2.0-only */
/* Only what the compiler expands in place: a BPF program has no C library to call. */
#pragma once
#include <stddef.h>
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#define memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define memmove(dst, src, n) __builtin_memmove(dst, src, n)
#define memset(dst, value, n) __builtin_memset(dst, value, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
