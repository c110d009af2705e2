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
/* The kernel's own printf, number parsing and string comparison, written into the packet. */
#define OPEN(n) u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; \
	if (data + 64 + n > end) return XDP_ABORTED; char *out = (void *)(data + 64);
#define SAY(text, ...) ({ char b[64] = {}; u64 a[] = {__VA_ARGS__}; static const char f[] = text; \
	long n = bpf_snprintf(b, 64, f, a, sizeof(a)); if (bpf_xdp_store_bytes(ctx, at, b, 64)) return 101; at += 64; n; })
static u8 v4[4] = {10, 1, 200, 3};
static u8 v6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const char word[] = "word";
SEC("xdp") int numbers(struct xdp_md *ctx)
{
	u32 at = 64; long n = 0;
	n = n * 3 + SAY("%d %i %u|%x %ld", -1, -2, -3, -4, -5);
	n = n * 3 + SAY("%lu %lx %lld %llu %llx", -1, -2, -3, -4, -5);
	n = n * 3 + SAY("[%5d][%-5d][%05d][%x]", 42, 42, -42, 255);
	n = n * 3 + SAY("[%8x][%08x][%+d][% d]", 255, 255, 255, 7);
	n = n * 3 + SAY("100%% %c%c", 'h', 'i');
	return n;
}
SEC("xdp") int pointers(struct xdp_md *ctx)
{
	u32 at = 64; long n = 0;
	n = n * 3 + SAY("%px %pK", 0x1234, 0);
	n = n * 3 + SAY("%pI4 %pi4", (u64)v4, (u64)v4);
	n = n * 3 + SAY("%pI6", (u64)v6);
	n = n * 3 + SAY("%pi6", (u64)v6);
	n = n * 3 + SAY("%s|%s|%s", (u64)word, (u64)(word + 2), 0);
	n = n * 3 + SAY("%p|%s", 0, 16);
	return n;
}
SEC("xdp") int cut(struct xdp_md *ctx)
{
	char b[8] = "zzzzzzz"; u64 a[] = {123456789};
	static const char f[] = "v=%d";
	long n = bpf_snprintf(b, sizeof(b), f, a, sizeof(a));
	if (bpf_xdp_store_bytes(ctx, 64, b, 8)) return 101;
	return n;
}
#define NUM(fn, text, flags) ({ static const char t[] = text; s64 v = 7; char b[sizeof(t)]; __builtin_memcpy(b, t, sizeof(t)); \
	s32 n = fn(b, sizeof(t) - 1, flags, (void *)&v); struct { s32 n; s32 lo; s32 hi; } r = {n, v, v >> 32}; \
	if (bpf_xdp_store_bytes(ctx, at, &r, 12)) return 101; at += 12; })
SEC("xdp") int parse(struct xdp_md *ctx)
{
	u32 at = 64;
	NUM(bpf_strtol, "123", 0);
	NUM(bpf_strtol, "-123abc", 0);
	NUM(bpf_strtol, " \t42 ", 10);
	NUM(bpf_strtol, "0x1f", 0);
	NUM(bpf_strtol, "0x", 0);
	NUM(bpf_strtol, "017", 0);
	NUM(bpf_strtol, "ff", 16);
	NUM(bpf_strtol, "0xff", 16);
	NUM(bpf_strtol, "12", 2);
	NUM(bpf_strtol, "x", 0);
	NUM(bpf_strtol, "-", 0);
	NUM(bpf_strtol, "9223372036854775807", 0);
	NUM(bpf_strtol, "9223372036854775808", 0);
	NUM(bpf_strtol, "-9223372036854775808", 0);
	NUM(bpf_strtol, "99999999999999999999", 0);
	NUM(bpf_strtoul, "18446744073709551615", 0);
	NUM(bpf_strtoul, "-1", 0);
	NUM(bpf_strtoul, "8", 8);
	NUM(bpf_strtoul, "78", 8);
	NUM(bpf_strtoul, "1", 32);
	return XDP_PASS;
}
#define CMP(a, b) ({ char t[] = a; static const char u[] = b; s32 n = bpf_strncmp(t, sizeof(t), u); \
	if (bpf_xdp_store_bytes(ctx, at, &n, 4)) return 101; at += 4; })
SEC("xdp") int compare(struct xdp_md *ctx)
{
	u32 at = 64;
	CMP("abc", "abc"); CMP("abc", "abd"); CMP("abd", "abc"); CMP("ab", "abc"); CMP("abc", "ab");
	s32 r[4]; char buf[8] = "xxxxxxx";
	r[0] = bpf_probe_read_kernel(buf, 8, (void *)0x10);
	r[1] = bpf_probe_read_kernel_str(buf, 8, word);
	r[2] = bpf_probe_read_kernel_str(buf, 3, word);
	r[3] = bpf_probe_read_user(buf, 8, (void *)word);
	if (bpf_xdp_store_bytes(ctx, at, r, 16)) return 101;
	if (bpf_xdp_store_bytes(ctx, at + 16, buf, 8)) return 101;
	return XDP_PASS;
}
SEC("xdp") int sums(struct xdp_md *ctx)
{
	u32 a[4] = {0x01020304, 0xffffffff, 0x80000000, 7}, b[2] = {0xdeadbeef, 0x11111111};
	s64 r[6];
	r[0] = bpf_csum_diff(a, 16, b, 8, 0);
	r[1] = bpf_csum_diff(0, 0, b, 8, 0x1234);
	r[2] = bpf_csum_diff(a, 16, 0, 0, 0xffffffff);
	r[3] = bpf_csum_diff(a, 3, 0, 0, 0);
	r[4] = bpf_csum_diff(a, 8, a + 2, 8, -1);
	r[5] = bpf_csum_diff(a, 0, a, 0, 5);
	if (bpf_xdp_store_bytes(ctx, 64, r, 48)) return 101;
	return XDP_PASS;
}
