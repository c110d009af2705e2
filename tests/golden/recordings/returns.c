#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#define UNKNOWN(x) asm volatile("" : "+r"(x)) /* to clang; the verifier knows it */
typedef struct bpf_raw_tracepoint_args ctx_t;
int last(ctx_t *ctx);
int enters(ctx_t *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __type(key, u32);
	__array(values, int (void *)); } chain SEC(".maps") = { .values = { [0] = (void *)&last, [1] = (void *)&enters } };
u32 mask = 7;
SEC("raw_tp/sched_process_exec")
int last(ctx_t *ctx) { return (bpf_get_current_pid_tgid() >> 32) & 7; }
static __noinline int below_eight(ctx_t *ctx) { bpf_tail_call(ctx, &chain, 0); return mask & 7; }
static __noinline int five(ctx_t *ctx) { bpf_tail_call(ctx, &chain, 0); int r = 5; UNKNOWN(r); return r; }
static __noinline int next(ctx_t *ctx) { bpf_tail_call(ctx, &chain, 1); return mask & 15; }
static __noinline int middle(ctx_t *ctx) { int r = below_eight(ctx); UNKNOWN(r); return r + 1; }
__noinline int whole(ctx_t *ctx) { bpf_tail_call(ctx, &chain, 0); return mask & 7; }
/* What the subprogram returns is in the range of what the verifier knew. */
SEC("raw_tp/sched_process_exit")
int kept(ctx_t *ctx) { u64 pid = bpf_get_current_pid_tgid() & 0xffff; int r = below_eight(ctx); if (r > 7) return 99; return pid + r; }
/* The verifier holds it for 5. */
SEC("raw_tp/sched_process_exit")
int taken(ctx_t *ctx) { u64 pid = bpf_get_current_pid_tgid() & 0xffff; int r = five(ctx); UNKNOWN(r); r += pid & 1; return r + 1; }
/* Back to a subprogram, which returns to the program. */
SEC("raw_tp/sched_process_exit")
int twice(ctx_t *ctx) { int r = middle(ctx); UNKNOWN(r); return r + 2; }
/* What is entered has a subprogram that enters another one. */
SEC("raw_tp/sched_process_exec")
int enters(ctx_t *ctx) { int r = below_eight(ctx); UNKNOWN(r); return r + 1; }
SEC("raw_tp/sched_process_exit")
int nested(ctx_t *ctx) { int r = next(ctx); UNKNOWN(r); return r + 2; }
/* A function that is verified alone. */
SEC("raw_tp/sched_process_exit")
int alone(ctx_t *ctx) { int r = whole(ctx); UNKNOWN(r); return r & 15; }
/* Back to a subprogram that writes to the stack of its caller. */
static __noinline int fills(ctx_t *ctx, u64 *to) { int r = below_eight(ctx); UNKNOWN(r); *to = r + 3; return 0; }
SEC("raw_tp/sched_process_exit")
int filled(ctx_t *ctx) { u64 n = 0; UNKNOWN(n); fills(ctx, &n); return n; }
char LICENSE[] SEC("license") = "GPL";
