/* Uses every macro of our BPF headers: it must compile to the same instructions with libbpf's. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct inner { int a; char name[16]; } __attribute__((preserve_access_index));
struct task { struct task *parent; struct inner *in; int pid; unsigned int f1:3, f2:7; int s1:5; } __attribute__((preserve_access_index));
enum kinds { KIND_A = 1, KIND_B = 77 };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME);} counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32);} progs SEC(".maps");
extern int CONFIG_HZ __kconfig __weak;

SEC("xdp") int endian(struct xdp_md *ctx)
{
	__u16 a = ctx->rx_queue_index; __u32 b = ctx->ingress_ifindex; __u64 c = (__u64)a << 40 | b;
	static const __u16 k = bpf_htons(0x0800);
	bpf_printk("hi");
	bpf_printk("%d", a);
	bpf_printk("%d %d %d", a, b, 3);
	bpf_printk("%d %d %d %d", a, b, 3, bpf_ntohs(k));
	char out[32];
	BPF_SNPRINTF(out, sizeof(out), "%d %s", b, "x");
	bpf_tail_call_static(ctx, &progs, 2);
	return bpf_htons(a) + bpf_ntohl(b) + bpf_cpu_to_be64(c) + bpf_htonl(0x01020304) + out[0];
}
SEC("kprobe/x") int BPF_KPROBE(kp, int fd, const char *path, long n) { bpf_printk("%d %s %ld", fd, path, n); return fd; }
SEC("kprobe/x6") int BPF_KPROBE(kp6, int a, int b, int c, int d, int e, int f) { return a + b + c + d + e + f; }
SEC("kretprobe/x") int BPF_KRETPROBE(krp, long ret) { return ret > 3; }
SEC("kretprobe/y") int BPF_KRETPROBE(krp0) { return 3; }
SEC("uprobe/x") int BPF_UPROBE(up, void *p) { return p != 0; }
SEC("fentry/x") int BPF_PROG(fe, struct task *t, int a, char b) { return a + b + t->pid; }
SEC("fentry/y") int BPF_PROG(fe0) { return 1; }
struct two { long a, b; }; struct small { int x; };
SEC("fentry/z") int BPF_PROG2(fe2, int, a, struct two, t, struct small, s, long, q) { return a + t.a + t.b + s.x + q; }
SEC("ksyscall/x") int BPF_KSYSCALL(ks, int fd, void *buf, long n, int m) { bpf_printk("%d %p %d", fd, buf, m); return n; }
SEC("kprobe/z") int regs(struct pt_regs *ctx) { long ip; BPF_KPROBE_READ_RET_IP(ip, ctx); return PT_REGS_PARM1(ctx) + PT_REGS_PARM4_SYSCALL(ctx) + PT_REGS_RC(ctx) + PT_REGS_SP(ctx) + PT_REGS_IP(ctx) + PT_REGS_FP(ctx) + PT_REGS_RET(ctx) + ip + PT_REGS_PARM5_CORE(ctx) + PT_REGS_PARM4_CORE_SYSCALL(ctx); }
SEC("raw_tp/x") int core(struct bpf_raw_tracepoint_args *ctx)
{
	struct task *t = (void *)ctx->args[0]; struct inner in; char buf[16];
	int x = BPF_CORE_READ(t, pid);
	x += BPF_CORE_READ(t, parent, pid);
	x += BPF_CORE_READ(t, parent, parent, parent, in, a);
	x += BPF_CORE_READ_USER(t, parent, pid);
	x += BPF_PROBE_READ(t, parent, in, a);
	BPF_CORE_READ_INTO(&x, t, parent, pid);
	BPF_CORE_READ_STR_INTO(&buf, t, parent, in, name);
	x += bpf_core_field_exists(t->pid) + bpf_core_field_size(struct task, pid) + bpf_core_field_offset(t->parent);
	x += bpf_core_type_exists(struct task) + bpf_core_type_size(struct inner) + bpf_core_type_id_kernel(struct task) + bpf_core_type_id_local(struct task) + bpf_core_type_matches(struct task);
	x += bpf_core_enum_value(enum kinds, KIND_B) + bpf_core_enum_value_exists(enum kinds, KIND_A);
	x += BPF_CORE_READ_BITFIELD_PROBED(t, f2) + BPF_CORE_READ_BITFIELD(t, s1);
	bpf_core_read(&in, sizeof(in), t->in);
	if (CONFIG_HZ > 100) x++;
	bpf_printk("%s %d", buf, BPF_CORE_READ(t, parent, pid));
	return x + in.a;
}
SEC("tc") int loops(struct __sk_buff *skb)
{
	int i, sum = 0, *p; __u32 key = 0;
	bpf_for(i, 0, 10) { sum += i; if (sum > 100) break; }
	bpf_for_each(num, p, 1, 5) sum += *p;
	bpf_repeat(3) sum++;
	struct task *c = container_of(&key, struct task, pid);
	barrier(); barrier_var(sum);
	if (bpf_ksym_exists(bpf_iter_num_new)) sum++;
	BPF_CORE_WRITE_BITFIELD(((struct task *)0), f2, sum);
	return sum + (int)offsetof(struct task, in) + KERNEL_VERSION(6, 12, 300) + (c != 0);
}
SEC("iter/task") int it(void *ctx) { BPF_SEQ_PRINTF((struct seq_file *)ctx, "%d %d\n", 1, 2); BPF_SEQ_PRINTF((struct seq_file *)ctx, "none"); return 0; }
char LICENSE[] SEC("license") = "GPL";
