#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
typedef __u64 u64; typedef __u32 u32; typedef __u16 u16; typedef __u8 u8; typedef __s32 s32; typedef __s64 s64;
char _license[] SEC("license") = "GPL";
/* Error numbers and contents of maps, written into the packet. */
#define MAP(name, t, k, v, n) struct { __uint(type, BPF_MAP_TYPE_##t); __uint(max_entries, n); __type(key, k); __type(value, v); } name SEC(".maps")
MAP(arr, ARRAY, u32, u64, 3);
MAP(parr, PERCPU_ARRAY, u32, u32, 3);
MAP(hash, HASH, u32, u64, 2);
MAP(phash, PERCPU_HASH, u64, u32, 2);
MAP(lru, LRU_HASH, u32, u32, 10);
MAP(lru4, LRU_HASH, u32, u32, 4);
MAP(lru_ref, LRU_HASH, u32, u32, 16);
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(map_flags, BPF_F_NO_COMMON_LRU); __uint(max_entries, 10); __type(key, u32); __type(value, u32); } lru_own SEC(".maps");
MAP(lru_pc, LRU_PERCPU_HASH, u32, u32, 6);
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 2); __type(value, u32); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK); __uint(max_entries, 2); __type(value, u32); } stack SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct lpm_key { u32 len; u8 data[4]; };
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 3); __type(key, struct lpm_key); __type(value, u32); } lpm SEC(".maps");

#define OPEN() u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; \
	if (data + 320 > end) return XDP_ABORTED; s32 *out = (void *)(data + 64);
#define LOOK(m, k) ({ __typeof__(k) _k = k; u32 *p = bpf_map_lookup_elem(&m, &_k); p ? (s32)*p : -1; })
#define UPD(m, k, v, f) ({ __typeof__(k) _k = k; __typeof__(v) _v = v; bpf_map_update_elem(&m, &_k, &_v, f); })
#define DEL(m, k) ({ __typeof__(k) _k = k; bpf_map_delete_elem(&m, &_k); })

SEC("xdp") int arrays(struct xdp_md *ctx)
{
	OPEN();
	*out++ = UPD(arr, (u32)1, (u64)7, BPF_ANY);
	*out++ = UPD(arr, (u32)1, (u64)8, BPF_NOEXIST);
	*out++ = UPD(arr, (u32)1, (u64)9, BPF_EXIST);
	*out++ = UPD(arr, (u32)3, (u64)9, BPF_ANY);
	*out++ = UPD(arr, (u32)1, (u64)9, 8);
	*out++ = UPD(arr, (u32)1, (u64)9, 4);
	*out++ = UPD(arr, (u32)5, (u64)9, BPF_NOEXIST);
	*out++ = DEL(arr, (u32)1);
	*out++ = LOOK(arr, (u32)1);
	*out++ = LOOK(arr, (u32)3);
	*out++ = UPD(parr, (u32)2, (u32)5, BPF_ANY);
	*out++ = LOOK(parr, (u32)2);
	*out++ = LOOK(parr, (u32)9);
	*out++ = UPD(parr, (u32)2, (u32)5, BPF_NOEXIST);
	*out++ = DEL(parr, (u32)2);
	return XDP_PASS;
}
SEC("xdp") int hashes(struct xdp_md *ctx)
{
	OPEN();
	*out++ = UPD(hash, (u32)1, (u64)7, BPF_EXIST);
	*out++ = UPD(hash, (u32)1, (u64)7, BPF_NOEXIST);
	*out++ = UPD(hash, (u32)1, (u64)8, BPF_NOEXIST);
	*out++ = UPD(hash, (u32)1, (u64)9, BPF_EXIST);
	*out++ = UPD(hash, (u32)2, (u64)2, BPF_ANY);
	*out++ = UPD(hash, (u32)3, (u64)3, BPF_ANY);
	*out++ = UPD(hash, (u32)3, (u64)3, BPF_EXIST);
	*out++ = UPD(hash, (u32)2, (u64)4, BPF_ANY);
	*out++ = UPD(hash, (u32)2, (u64)4, 7);
	*out++ = LOOK(hash, (u32)1);
	*out++ = LOOK(hash, (u32)2);
	*out++ = LOOK(hash, (u32)3);
	*out++ = DEL(hash, (u32)1);
	*out++ = DEL(hash, (u32)1);
	*out++ = UPD(hash, (u32)3, (u64)3, BPF_ANY);
	*out++ = LOOK(hash, (u32)3);
	*out++ = UPD(phash, (u64)1, (u32)5, BPF_ANY);
	*out++ = UPD(phash, (u64)1, (u32)6, BPF_NOEXIST);
	*out++ = UPD(phash, (u64)2, (u32)6, BPF_EXIST);
	*out++ = UPD(phash, (u64)2, (u32)6, BPF_ANY);
	*out++ = UPD(phash, (u64)3, (u32)6, BPF_ANY);
	*out++ = LOOK(phash, (u64)1);
	*out++ = LOOK(phash, (u64)3);
	*out++ = DEL(phash, (u64)1);
	return XDP_PASS;
}
#define SURVIVORS(m, n) ({ u32 mask = 0; for (u32 i = 0; i < n; i++) { u32 k = i; if (bpf_map_lookup_elem(&m, &k)) mask |= 1u << i; } mask; })
SEC("xdp") int lru_plain(struct xdp_md *ctx)
{
	OPEN();
	for (u32 i = 0; i < 15; i++) { u32 k = i; bpf_map_update_elem(&lru, &k, &k, 0); }
	*out++ = SURVIVORS(lru, 15);
	for (u32 i = 15; i < 30; i++) { u32 k = i; bpf_map_update_elem(&lru, &k, &k, 0); }
	*out++ = SURVIVORS(lru, 30);
	for (u32 i = 0; i < 5; i++) { u32 k = i; bpf_map_update_elem(&lru4, &k, &k, 0); }
	*out++ = SURVIVORS(lru4, 5);
	return XDP_PASS;
}
SEC("xdp") int lru_referenced(struct xdp_md *ctx)
{
	OPEN();
	for (u32 i = 0; i < 30; i++) {
		u32 k = i, old = i / 2;
		bpf_map_update_elem(&lru_ref, &k, &k, 0);
		bpf_map_lookup_elem(&lru_ref, &old);
		if (i % 7 == 6) { u32 d = i - 3; bpf_map_delete_elem(&lru_ref, &d); }
		if (i % 5 == 4) bpf_map_update_elem(&lru_ref, &old, &k, 0);
	}
	*out++ = SURVIVORS(lru_ref, 30);
	return XDP_PASS;
}
SEC("xdp") int lru_percpu(struct xdp_md *ctx)
{
	OPEN();
	for (u32 i = 0; i < 15; i++) { u32 k = i, old = i / 3; bpf_map_update_elem(&lru_own, &k, &k, 0); bpf_map_lookup_elem(&lru_own, &old); }
	*out++ = SURVIVORS(lru_own, 15);
	for (u32 i = 0; i < 12; i++) { u32 k = i, old = i / 2; bpf_map_update_elem(&lru_pc, &k, &k, 0); bpf_map_update_elem(&lru_pc, &old, &k, 0); }
	*out++ = SURVIVORS(lru_pc, 12);
	return XDP_PASS;
}
SEC("xdp") int queues(struct xdp_md *ctx)
{
	OPEN();
	u32 v = 1;
	*out++ = bpf_map_push_elem(&queue, &v, 0); v = 2;
	*out++ = bpf_map_push_elem(&queue, &v, 0); v = 3;
	*out++ = bpf_map_push_elem(&queue, &v, 0);
	*out++ = bpf_map_push_elem(&queue, &v, BPF_EXIST);
	*out++ = bpf_map_push_elem(&queue, &v, BPF_NOEXIST);
	*out++ = bpf_map_peek_elem(&queue, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&queue, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&queue, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&queue, &v); *out++ = v;
	v = 1; *out++ = bpf_map_push_elem(&stack, &v, 0);
	v = 2; *out++ = bpf_map_push_elem(&stack, &v, 0);
	v = 3; *out++ = bpf_map_push_elem(&stack, &v, BPF_EXIST);
	*out++ = bpf_map_peek_elem(&stack, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&stack, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&stack, &v); *out++ = v;
	*out++ = bpf_map_pop_elem(&stack, &v); *out++ = v;
	return XDP_PASS;
}
SEC("xdp") int rings(struct xdp_md *ctx)
{
	OPEN();
	u64 v[4] = {1, 2, 3, 4};
	*out++ = bpf_ringbuf_output(&ring, v, 32, 0);
	*out++ = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	*out++ = bpf_ringbuf_output(&ring, v, 12, 4);
	u64 *r = bpf_ringbuf_reserve(&ring, 100, 0);
	*out++ = r != 0;
	*out++ = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	if (r) bpf_ringbuf_discard(r, 0);
	*out++ = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	*out++ = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	int n = 0;
	for (int i = 0; i < 60; i++) { u64 *q = bpf_ringbuf_reserve(&ring, 96, 0); if (!q) break; n++; bpf_ringbuf_submit(q, 0); }
	*out++ = n;
	*out++ = bpf_ringbuf_output(&ring, v, 32, 0);
	*out++ = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	*out++ = bpf_ringbuf_query(&ring, 9);
	return XDP_PASS;
}
#define LKEY(l, a, b, c, d) ((struct lpm_key){l, {a, b, c, d}})
SEC("xdp") int tries(struct xdp_md *ctx)
{
	OPEN();
	*out++ = UPD(lpm, LKEY(8, 10, 0, 0, 0), (u32)8, 0);
	*out++ = UPD(lpm, LKEY(16, 10, 1, 0, 0), (u32)16, 0);
	*out++ = UPD(lpm, LKEY(16, 10, 1, 9, 9), (u32)17, BPF_NOEXIST);
	*out++ = UPD(lpm, LKEY(16, 10, 1, 9, 9), (u32)18, BPF_EXIST);
	*out++ = UPD(lpm, LKEY(24, 10, 7, 7, 0), (u32)24, BPF_EXIST);
	*out++ = UPD(lpm, LKEY(0, 0, 0, 0, 0), (u32)100, 0);
	*out++ = UPD(lpm, LKEY(24, 10, 7, 7, 0), (u32)24, 0);
	*out++ = UPD(lpm, LKEY(33, 10, 7, 7, 0), (u32)24, 0);
	*out++ = LOOK(lpm, LKEY(32, 10, 1, 2, 3));
	*out++ = LOOK(lpm, LKEY(32, 10, 2, 2, 3));
	*out++ = LOOK(lpm, LKEY(32, 11, 2, 2, 3));
	*out++ = LOOK(lpm, LKEY(12, 10, 1, 2, 3));
	*out++ = DEL(lpm, LKEY(8, 10, 0, 0, 0));
	*out++ = DEL(lpm, LKEY(8, 10, 0, 0, 0));
	*out++ = DEL(lpm, LKEY(40, 10, 0, 0, 0));
	*out++ = LOOK(lpm, LKEY(32, 10, 2, 2, 3));
	return XDP_PASS;
}
static long add(struct bpf_map *m, u32 *k, u64 *v, u32 *sum) { *sum += *k * 10 + *v; return *k == 1; }
static long add_all(struct bpf_map *m, u32 *k, u64 *v, u32 *sum) { *sum += *k * 10 + *v; return 0; }
static long count_to(u32 i, u32 *sum) { *sum += i; return i == 6; }
SEC("xdp") int callbacks(struct xdp_md *ctx)
{
	u32 sum = 0;
	OPEN();
	UPD(arr, (u32)0, (u64)1, 0); UPD(arr, (u32)1, (u64)2, 0); UPD(arr, (u32)2, (u64)3, 0);
	UPD(hash, (u32)4, (u64)1, 0); UPD(hash, (u32)5, (u64)2, 0);
	*out++ = bpf_for_each_map_elem(&arr, add, &sum, 0); *out++ = sum;
	*out++ = bpf_for_each_map_elem(&hash, add_all, &sum, 0); *out++ = sum;
	*out++ = bpf_for_each_map_elem(&arr, add_all, &sum, 1);
	*out++ = bpf_loop(100, count_to, &sum, 0); *out++ = sum;
	*out++ = bpf_loop(5, count_to, &sum, 0); *out++ = sum;
	*out++ = bpf_loop(1 << 24, count_to, &sum, 0);
	*out++ = bpf_loop(5, count_to, &sum, 1);
	return XDP_PASS;
}
