// What rewriting and machine code differ in: arithmetic, jumps near and far, lookups, calls, tail calls, atomics.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct wide {
	__u64 a, b, c;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, struct wide);
} wide_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u32[3]);
	__type(value, __u64);
} per_cpu_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} recent_per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u64 seen;
const volatile __u32 limit = 40;

SEC("socket")
int divides(struct __sk_buff *skb)
{
	__u32 a = skb->len, b = skb->mark;
	__u64 c = a, d = b;

	return a / b + a % b + (__u32)(c / d) + (__u32)(c % d) + a / 7 + a % 7;
}

SEC("socket")
int signed_division(struct __sk_buff *skb)
{
	__u64 r = skb->len;

	asm volatile("r1 = %[b];"
		     "%[r] s/= r1; %[r] s%%= r1;"
		     "w1 = w1;"
		     : [r] "+r"(r)
		     : [b] "r"((__u64)skb->mark)
		     : "r1");
	return r;
}

SEC("socket")
int shifts_and_swaps(struct __sk_buff *skb)
{
	__u64 a = skb->len, n = skb->mark & 31;

	a = a << n | a >> (n + 1) | (__s64)a >> n;
	a ^= __builtin_bswap64(a) + __builtin_bswap32(a) + __builtin_bswap16(a);
	a += (__s64)(__s8)a + (__s32)(__s16)a + (__s64)(__s32)a;
	return a * 1000003 + -a;
}

SEC("socket")
int lookups(struct __sk_buff *skb)
{
	__u32 key = skb->len, triple[3] = { key, 1, 2 };
	__u64 longer = key, *n, sum = 0;
	struct wide *w = bpf_map_lookup_elem(&wide_array, &key);

	if (w)
		sum += w->b++;
	n = bpf_map_lookup_elem(&per_cpu_hash, triple);
	if (n)
		sum += ++*n;
	n = bpf_map_lookup_elem(&recent, &longer);
	if (n)
		sum += *n;
	n = bpf_map_lookup_elem(&recent_per_cpu, &key);
	if (n)
		sum += *n;
	bpf_map_update_elem(&recent, &longer, &sum, BPF_ANY);
	bpf_map_delete_elem(&per_cpu_hash, triple);
	bpf_map_push_elem(&queue, &sum, 0);
	if (!bpf_map_pop_elem(&queue, &longer))
		sum += longer;
	return sum + bpf_get_smp_processor_id();
}

SEC("socket")
int either_map(struct __sk_buff *skb)
{
	__u64 key = 1, *n = bpf_map_lookup_elem(skb->len > 100 ? (void *)&recent : (void *)&recent_per_cpu, &key);

	return n ? *n : 0;
}

SEC("socket")
int atomics(struct __sk_buff *skb)
{
	__u64 *wide = &seen, v = skb->len;
	__u32 narrow = v;

	__sync_fetch_and_add(wide, 1);
	v += __sync_fetch_and_add(wide, v) + __sync_fetch_and_or(wide, 1) + __sync_fetch_and_and(wide, ~2ull);
	v += __sync_fetch_and_xor(wide, v) + __sync_lock_test_and_set(wide, v);
	v += __sync_val_compare_and_swap(wide, v, 7);
	v += __sync_val_compare_and_swap(&narrow, (__u32)v, 7u);
	return v + narrow;
}

static __noinline __u32 twice(struct __sk_buff *skb, __u32 n)
{
	__u8 byte = 0;

	bpf_skb_load_bytes(skb, n & 15, &byte, 1);
	return byte * 2 + n;
}

SEC("socket")
int calls(struct __sk_buff *skb)
{
	__u32 n = twice(skb, skb->len);

	return n > limit ? twice(skb, n) : n;
}

SEC("socket")
int tail_calls(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &next, 1);
	bpf_tail_call(skb, &next, skb->len);
	return 0;
}

static __noinline int jump_away(struct __sk_buff *skb)
{
	__u64 keep[2] = { skb->len, 1 };

	bpf_tail_call_static(skb, &next, 2);
	return keep[skb->mark & 1];
}

SEC("socket")
int tail_calls_below(struct __sk_buff *skb)
{
	return jump_away(skb) + 1;
}

#define STEP(i)                                \
	if (n == 1000 + i)                     \
		goto out;                      \
	n = n * 31 + i;                        \
	if (n & 1)                             \
		n ^= 0x123456789abcdefull + i;
#define STEPS(i) STEP(i) STEP(i + 1) STEP(i + 2) STEP(i + 3) STEP(i + 4)

SEC("socket")
int far_jumps(struct __sk_buff *skb)
{
	__u64 n = skb->len;

	STEPS(0) STEPS(5) STEPS(10) STEPS(15)
out:
	return n;
}

SEC("socket")
int nearly_far_jumps(struct __sk_buff *skb)
{
	__u64 n = skb->len, i;

	for (i = 0; i < 10; i++) {
		if (n & 4)
			n = n * 0x1000193 + 0x811c9dc5;
		else if (n & 8)
			n = n * 0x100000001b3ull + i;
		else
			n ^= n >> 7;
		n += skb->mark + skb->hash + skb->priority;
		if (n > 0x7fffffffffff)
			break;
		n -= i * 3;
	}
	return n;
}

static long count(__u32 index, void *ctx)
{
	*(__u64 *)ctx += index;
	return 0;
}

SEC("socket")
int known_loop(struct __sk_buff *skb)
{
	__u64 sum = 0;

	bpf_loop(20, count, &sum, 0);
	return sum;
}

SEC("socket")
int dead_code(struct __sk_buff *skb)
{
	__u64 n = 3;

	asm volatile("if %[n] == 3 goto +2; %[n] = 5; goto +1; %[n] += 4; if %[n] < 4 goto -4;" : [n] "+r"(n));
	return n;
}

SEC("socket")
int legacy_loads(struct __sk_buff *skb)
{
	int n;

	asm volatile("r6 = %[skb]; r0 = *(u16 *)skb[12]; r7 = r0; r0 = *(u8 *)skb[r7]; r0 += r7; %[n] = r0;"
		     : [n] "=r"(n)
		     : [skb] "r"(skb)
		     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7");
	return n;
}

char LICENSE[] SEC("license") = "GPL";
