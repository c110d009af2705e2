// Programs that the verifier refuses, one reason each, and three that it accepts: what real kernels say of them is
// recorded in recorded.jsonl.xz.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
    __u32 pid;
    __u32 length;
    char name[24];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct event);
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} seen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} ring SEC(".maps");

SEC("xdp")
int accepted_counter(struct xdp_md *ctx)
{
    __u32 key = 1;
    __u64 *value = bpf_map_lookup_elem(&seen, &key);
    if (value)
        *value += 1;
    return XDP_PASS;
}

SEC("xdp")
int accepted_loop(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __u32 sum = 0;
    for (int i = 0; i < 12; i++) {
        if (data + i + 1 > end)
            break;
        sum += data[i];
    }
    return sum & 1 ? XDP_PASS : XDP_DROP;
}

static __attribute__((noinline)) int twice(int value)
{
    return value > 100 ? 100 : value * 2;
}

SEC("xdp")
int accepted_calls(struct xdp_md *ctx)
{
    return twice(ctx->rx_queue_index) > 20 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int packet_without_check(struct xdp_md *ctx)
{
    struct ethhdr *eth = (void *)(long)ctx->data;
    return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_short_check(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    if (data + sizeof(*eth) > end)
        return XDP_PASS;
    struct iphdr *ip = data + sizeof(*eth);
    return ip->protocol == 6 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int map_value_not_checked(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    event->pid = 7;
    return XDP_PASS;
}

SEC("xdp")
int map_value_index(struct xdp_md *ctx)
{
    __u32 key = 0, at = ctx->rx_queue_index;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (!event || at > 40)
        return XDP_PASS;
    event->name[at] = 1;
    return XDP_PASS;
}

SEC("xdp")
int map_value_unbounded(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (!event)
        return XDP_PASS;
    return event->name[event->length];
}

SEC("xdp")
int signed_index(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (!event)
        return XDP_PASS;
    long at = (int)event->length;
    if (at > 20)
        return XDP_PASS;
    return event->name[at];
}

SEC("tracepoint/syscalls/sys_enter_write")
int negative_size(void *ctx)
{
    char buffer[64];
    __u32 key = 0;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (!event)
        return 0;
    int size = event->length;
    if (size > 64)
        return 0;
    bpf_probe_read_kernel(buffer, size, (void *)(long)event->pid);
    return buffer[3];
}

SEC("tracepoint/syscalls/sys_enter_write")
int zero_size(void *ctx)
{
    char buffer[32] = {};
    __u32 key = 0;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (!event)
        return 0;
    __u32 size = event->length & 31;
    return bpf_get_current_comm(buffer, size) + buffer[0];
}

SEC("kprobe/vfs_read")
int kernel_pointer(struct pt_regs *ctx)
{
    __u64 *file = (void *)ctx->rdi;
    return *file == 3;
}

SEC("socket")
int uninitialised_register(struct __sk_buff *skb)
{
    int value;
    asm volatile("%0 = r7" : "=r"(value));
    return value;
}

SEC("xdp")
int stack_out_of_range(struct xdp_md *ctx)
{
    asm volatile("r1 = 1; *(u64 *)(r10 - 520) = r1" ::: "r1", "memory");
    return XDP_PASS;
}

SEC("xdp")
int stack_not_written(struct xdp_md *ctx)
{
    asm volatile("r2 = r10; r2 += -8; r1 = %[map] ll; call 1" ::[map] "i"(&seen)
                 : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
    return XDP_PASS;
}

SEC("xdp")
int pointer_subtraction(struct xdp_md *ctx)
{
    asm volatile("r2 = r10; r3 = r1; r2 *= r3" ::: "r2", "r3");
    return XDP_PASS;
}

SEC("xdp")
int context_field(struct xdp_md *ctx)
{
    return *(__u32 *)((char *)ctx + 64);
}

SEC("xdp")
int context_written(struct xdp_md *ctx)
{
    ctx->data = 0;
    return XDP_PASS;
}

SEC("xdp")
int helper_unknown_here(struct xdp_md *ctx)
{
    char name[16] = {};
    return bpf_probe_write_user((void *)64, name, 16);
}

SEC("cgroup_skb/egress")
int result_out_of_range(struct __sk_buff *skb)
{
    return skb->len > 100 ? 7 : 1;
}

SEC("xdp")
int reference_kept(struct xdp_md *ctx)
{
    struct event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
    if (!event)
        return XDP_PASS;
    if (ctx->rx_queue_index > 3)
        return XDP_DROP;
    bpf_ringbuf_submit(event, 0);
    return XDP_PASS;
}

SEC("xdp")
int endless(struct xdp_md *ctx)
{
    asm volatile("1: r1 = 3; if r1 == 3 goto 1b" ::: "r1");
    return XDP_PASS;
}

SEC("xdp")
int too_long(struct xdp_md *ctx)
{
    __u64 sum = 0;
    for (__u64 i = 0; i < 1000000; i++) {
        asm volatile("%0 += 1" : "+r"(sum));
    }
    return sum & 1;
}

SEC("xdp")
int argument_type(struct xdp_md *ctx)
{
    asm volatile("r2 = r1; r1 = 5; call 1" ::: "r0", "r1", "r2", "r3", "r4", "r5");
    return XDP_PASS;
}

static __attribute__((noinline)) int field(struct event *event)
{
    return event->pid;
}

SEC("xdp")
int fault_in_callee(struct xdp_md *ctx)
{
    __u32 key = 2;
    return field(bpf_map_lookup_elem(&events, &key));
}

__attribute__((noinline)) int global_field(struct event *event)
{
    return event->pid;
}

SEC("xdp")
int fault_in_global(struct xdp_md *ctx)
{
    __u32 key = 2;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    return event ? global_field(event) : 0;
}

SEC("xdp")
int spilled_and_lost(struct xdp_md *ctx)
{
    asm volatile("*(u64 *)(r10 - 8) = r1; *(u8 *)(r10 - 8) = 1; r3 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r3 + 0)" ::
                     : "r0", "r3", "memory");
    return XDP_PASS;
}

SEC("xdp")
int shift_too_far(struct xdp_md *ctx)
{
    asm volatile("r1 = 1; r1 <<= 64" ::: "r1");
    return XDP_PASS;
}

SEC("xdp")
int never_reached(struct xdp_md *ctx)
{
    asm volatile("goto 1f; r0 = 1; 1: r0 = 2" ::: "r0");
    return XDP_PASS;
}

SEC("xdp")
int frame_pointer(struct xdp_md *ctx)
{
    asm volatile("r10 += -8");
    return XDP_PASS;
}

SEC("xdp")
int pointer_leaked(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 value = (long)ctx->data_end;
    struct event *event = bpf_map_lookup_elem(&events, &key);
    if (event)
        *(__u64 *)(event->name + 21) = value;
    return XDP_PASS;
}
