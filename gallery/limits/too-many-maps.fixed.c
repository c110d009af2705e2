#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(name) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, 1); \
		__type(key, __u32); \
		__type(value, __u64); \
	} name SEC(".maps");
#define MAPS(n) MAP(m##n##0) MAP(m##n##1) MAP(m##n##2) MAP(m##n##3) MAP(m##n##4) \
	MAP(m##n##5) MAP(m##n##6) MAP(m##n##7) MAP(m##n##8) MAP(m##n##9)
#define LOOK(name) bpf_map_lookup_elem(&name, &zero);
#define LOOKS(n) LOOK(m##n##0) LOOK(m##n##1) LOOK(m##n##2) LOOK(m##n##3) LOOK(m##n##4) \
	LOOK(m##n##5) LOOK(m##n##6) LOOK(m##n##7) LOOK(m##n##8) LOOK(m##n##9)

MAPS(0) MAPS(1) MAPS(2) MAPS(3) MAPS(4) MAPS(5) MAPS(6)

SEC("xdp")
int look_up(struct xdp_md *ctx)
{
	__u32 zero = 0;

	LOOKS(0) LOOKS(1) LOOKS(2) LOOKS(3) LOOKS(4) LOOKS(5)
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
