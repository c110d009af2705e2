// Lines of more than 1,023 characters, as generated sources and macros make: the kernel prints the start of them.
typedef unsigned int __u32;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[8]);
} values SEC(".maps");

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

SEC("xdp")
int long_line(void *ctx)
{
	__u32 key = 0, sum = 0, *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return 0;
	sum += value[0] * 3; sum += value[1] * 4; sum += value[2] * 5; sum += value[3] * 6; sum += value[4] * 7; sum += value[5] * 8; sum += value[6] * 9; sum += value[7] * 10; sum += value[0] * 11; sum += value[1] * 12; sum += value[2] * 13; sum += value[3] * 14; sum += value[4] * 15; sum += value[5] * 16; sum += value[6] * 17; sum += value[7] * 18; sum += value[0] * 19; sum += value[1] * 20; sum += value[2] * 21; sum += value[3] * 22; sum += value[4] * 23; sum += value[5] * 24; sum += value[6] * 25; sum += value[7] * 26; sum += value[0] * 27; sum += value[1] * 28; sum += value[2] * 29; sum += value[3] * 30; sum += value[4] * 31; sum += value[5] * 32; sum += value[6] * 33; sum += value[7] * 34; sum += value[0] * 35; sum += value[1] * 36; sum += value[2] * 37; sum += value[3] * 38; sum += value[4] * 39; sum += value[5] * 40; sum += value[6] * 41; sum += value[7] * 42; sum += value[0] * 43; sum += value[1] * 44; sum += value[2] * 45; sum += value[3] * 46; sum += value[4] * 47; sum += value[5] * 48; sum += value[6] * 49; sum += value[7] * 50; sum += value[0] * 51; sum += value[1] * 52; sum += value[2] * 53; sum += value[3] * 54; sum += value[4] * 55; sum += value[5] * 56; sum += value[6] * 57; sum += value[7] * 58; sum += value[0] * 59; sum += value[1] * 60; sum += value[2] * 61; sum += value[3] * 62;
	return sum & 1;
}

SEC("xdp")
int long_line_refused(void *ctx)
{
	__u32 key = 0, sum = 0, *value = bpf_map_lookup_elem(&values, &key);

	/* clang-format off */
	sum += (value)[0] * 3; sum += (value)[1] * 4; sum += (value)[2] * 5; sum += (value)[3] * 6; sum += (value)[4] * 7; sum += (value)[5] * 8; sum += (value)[6] * 9; sum += (value)[7] * 10; sum += (value)[0] * 11; sum += (value)[1] * 12; sum += (value)[2] * 13; sum += (value)[3] * 14; sum += (value)[4] * 15; sum += (value)[5] * 16; sum += (value)[6] * 17; sum += (value)[7] * 18; sum += (value)[0] * 19; sum += (value)[1] * 20; sum += (value)[2] * 21; sum += (value)[3] * 22; sum += (value)[4] * 23; sum += (value)[5] * 24; sum += (value)[6] * 25; sum += (value)[7] * 26; sum += (value)[0] * 27; sum += (value)[1] * 28; sum += (value)[2] * 29; sum += (value)[3] * 30; sum += (value)[4] * 31; sum += (value)[5] * 32; sum += (value)[6] * 33; sum += (value)[7] * 34; sum += (value)[0] * 35; sum += (value)[1] * 36; sum += (value)[2] * 37; sum += (value)[3] * 38; sum += (value)[4] * 39; sum += (value)[5] * 40; sum += (value)[6] * 41; sum += (value)[7] * 42; sum += (value)[0] * 43; sum += (value)[1] * 44; sum += (value)[2] * 45; sum += (value)[3] * 46; sum += (value)[4] * 47; sum += (value)[5] * 48; sum += (value)[6] * 49; sum += (value)[7] * 50; sum += value[8];
	return sum & 1;
}

char _license[] SEC("license") = "GPL";
