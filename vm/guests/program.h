/*
 * What the guests' programs have instead of a C library: types, system calls, and what the compiler itself calls.
 * Each of them is one file that includes this one.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

static s64 sys(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	register u64 r9 asm("r9") = f;
	s64 out;

	asm volatile("syscall" : "=a"(out) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return out;
}

void *memset(void *to, int value, u64 n)
{
	for (volatile u8 *p = to; n--; )
		*p++ = value;
	return to;
}

void *memcpy(void *to, const void *from, u64 n)
{
	volatile u8 *p = to;

	for (const u8 *q = from; n--; )
		*p++ = *q++;
	return to;
}

static void nap(long ms)
{
	enum { SYS_nanosleep = 35 };
	long time[2] = { ms / 1000, ms % 1000 * 1000000 };

	sys(SYS_nanosleep, (u64)time, 0, 0, 0, 0, 0);
}

/* The stack is aligned as the ABI wants it at a call. */
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall start\n\thlt\n");
