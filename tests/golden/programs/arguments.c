// Arguments of global functions: what their types and tags let them be.
#define TAG(name) __attribute__((btf_decl_tag("arg:" name)))
#define SEC(name) __attribute__((section(name), used))

struct pair {
	int a;
	long b;
};
struct large {
	char bytes[600];
};
struct nowhere;
struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
struct pt_regs {
	unsigned long regs[21];
};

char _license[] SEC("license") = "GPL";

// A global function with one argument of the type, and a program that calls it with a value of that type.
#define TRY(name, type, value) \
	__attribute__((noinline)) int g_##name(type) { int r = 1; asm volatile("" : "+r"(r) : "r"(x)); return r; } \
	SEC("kprobe/do_unlinkat") int p_##name(struct pt_regs *ctx) \
	{ \
		char buf[16] = {}; \
		asm volatile("" :: "r"(buf) : "memory"); \
		return g_##name(value) * 0; \
	}

TRY(number, long x, 5)
TRY(number_tagged, long x TAG("nonnull"), 5)
TRY(pointer, int *x, (int *)buf)
TRY(pointer_null, int *x, 0)
TRY(pointer_nonnull, int *x TAG("nonnull"), 0)
TRY(pointer_nullable, int *x TAG("nullable"), 0)
TRY(pointer_unknown_tag, int *x TAG("other"), 0)
TRY(struct_small, struct pair *x, (struct pair *)buf)
TRY(struct_large, struct large *x, (struct large *)buf)
TRY(struct_nowhere, struct nowhere *x, 0)
TRY(anything, void *x, buf)
TRY(pointer_to_pointer, int **x, (int **)buf)
TRY(array, int (*x)[4], (int (*)[4])buf)
TRY(context, struct pt_regs *x, ctx)
TRY(context_tagged, struct pt_regs *x TAG("ctx"), ctx)
TRY(context_nonnull, struct pt_regs *x TAG("ctx") TAG("nonnull"), ctx)
TRY(context_of_others, struct pair *x TAG("ctx"), (struct pair *)ctx)
TRY(task, struct task_struct *x TAG("trusted"), 0)
TRY(task_nullable, struct task_struct *x TAG("trusted") TAG("nullable"), 0)
TRY(task_nonnull, struct task_struct *x TAG("trusted") TAG("nonnull"), 0)
TRY(pair_trusted, struct pair *x TAG("trusted"), 0)
TRY(nowhere_trusted, struct nowhere *x TAG("trusted"), 0)
TRY(anything_trusted, void *x TAG("trusted"), 0)
TRY(pointer_trusted, int **x TAG("trusted"), 0)
TRY(function_trusted, int (*x)(int) TAG("trusted"), 0)
TRY(array_trusted, int (*x)[4] TAG("trusted"), 0)
TRY(arena, int *x TAG("arena"), 0)
TRY(arena_nonnull, int *x TAG("arena") TAG("nonnull"), 0)
