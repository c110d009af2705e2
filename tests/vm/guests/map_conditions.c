#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct conf { u32 enabled; s16 level; char who[16]; u8 bit : 1; };
struct place { u32 pid; u32 slot; };
struct seen { u64 calls; u64 last; };
struct conf cfg = { .enabled = 1, .level = -3, .who = "sh" };
u64 total;
u32 sizes[4];
struct { u8 a; } ones[3];
float ratio;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 4); __type(key, u32); __type(value, struct seen); } each_cpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, struct place); __type(value, struct seen); } hashed SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } recent SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 64); __type(key, char[6]); __type(value, u64); } by_name SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH); __uint(max_entries, 64); __type(key, u64); __type(value, u64); } of_cpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(map_flags, 1); __uint(max_entries, 4); __type(key, u64); __type(value, u64); } routes SEC(".maps");

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	u32 slot = 3, one = 1;
	struct place key = { .pid = 7, .slot = 2 };
	struct seen fresh = {}, *s;
	u64 zero = 0, *n;
	char name[6] = "execs";
	total++;
	sizes[2] = total;
	if ((n = bpf_map_lookup_elem(&counts, &slot))) *n = total;
	if ((s = bpf_map_lookup_elem(&each_cpu, &one))) s->last = total;
	bpf_map_update_elem(&hashed, &key, &fresh, BPF_NOEXIST);
	if ((s = bpf_map_lookup_elem(&hashed, &key))) s->calls = total;
	bpf_map_update_elem(&recent, &slot, &zero, BPF_NOEXIST);
	if ((n = bpf_map_lookup_elem(&recent, &slot))) *n = total;
	bpf_map_update_elem(&by_name, name, &zero, BPF_NOEXIST);
	if ((n = bpf_map_lookup_elem(&by_name, name))) *n = total;
	u64 nine = 9;
	bpf_map_update_elem(&of_cpu, &nine, &zero, BPF_NOEXIST);
	if ((n = bpf_map_lookup_elem(&of_cpu, &nine))) *n = total;
	if ((n = bpf_map_lookup_elem(&routes, &zero))) *n = total;
	return total;
}
char LICENSE[] SEC("license") = "GPL";
