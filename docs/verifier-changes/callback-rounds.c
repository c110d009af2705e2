// A callback moves an index that it also uses. Only its first round stays inside the array.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, char[8]); } bytes SEC(".maps");

struct place { __u64 index; char *bytes; };

static long each(__u32 round, struct place *place)
{
	if (place->index < 16)
		place->bytes[place->index] = 1;
	place->index += 7;
	return 0;
}

SEC("socket") int moving_index(void *ctx)
{
	__u32 zero = 0;
	struct place place = { 0, bpf_map_lookup_elem(&bytes, &zero) };

	if (place.bytes)
		bpf_loop(3, each, &place, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
