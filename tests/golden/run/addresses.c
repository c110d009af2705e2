/* Addresses that are only known when a program is placed: kernel variables, per-CPU data, maps of every kind, functions. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "GPL";
extern const int bpf_prog_active __ksym;
extern const struct rq runqueues __ksym;
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } per_cpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } per_cpu_hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } lru SEC(".maps");
u64 counter = 40;
SEC("xdp") int jiffies(void *ctx) { u64 now = bpf_jiffies64(); return now > 0xfffe0000ULL && now - 0xfffe0000ULL < 1 << 24; }
SEC("xdp") int cpu(void *ctx) { return bpf_get_smp_processor_id() + 2; }
SEC("xdp") int variable(void *ctx) { __sync_fetch_and_add(&counter, 2); return counter; }
static int callback(u32 i, u64 *sum) { *sum += i; return 0; }
SEC("xdp") int calls_back(void *ctx) { u64 sum = 0; bpf_loop(5, callback, &sum, 0); return sum; }
SEC("xdp") int typed(void *ctx)
{
	int *active = bpf_this_cpu_ptr(&bpf_prog_active);
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);
	if (!rq) return 100;
	return (*active >= 0) | (rq->nr_running < 1000) << 1;
}
#define LOOK(name, map) SEC("xdp") int name(void *ctx) { u32 k = 2; u64 v = 7, *p; bpf_map_update_elem(&map, &k, &v, 0); p = bpf_map_lookup_elem(&map, &k); if (!p) return 100; *p += 1; return *p; }
LOOK(in_per_cpu, per_cpu)
LOOK(in_array, array)
LOOK(in_hash, hash)
LOOK(in_per_cpu_hash, per_cpu_hash)
LOOK(in_lru, lru)
