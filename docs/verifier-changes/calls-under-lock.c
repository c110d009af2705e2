// A function that is not inlined is called between taking and releasing a lock.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counter { struct bpf_spin_lock lock; int n; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct counter); }
	counters SEC(".maps");

static __attribute__((noinline)) int counted(struct counter *counter)
{
	counter->n++;
	return counter->n;
}

SEC("tc")
int counts(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct counter *counter = bpf_map_lookup_elem(&counters, &key);
	int n;

	if (!counter)
		return 0;
	bpf_spin_lock(&counter->lock);
	n = counted(counter);
	bpf_spin_unlock(&counter->lock);
	return n & 1;
}

char LICENSE[] SEC("license") = "GPL";
