#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
    __u32 pid;
    __u64 device;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct key);
    __type(value, __u64);
    __uint(max_entries, 1024);
} started SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64[32]);
    __uint(max_entries, 1);
} histogram SEC(".maps");

SEC("kprobe/vfs_read")
int read_begins(void *ctx)
{
    struct key key = {};
    __u64 now = bpf_ktime_get_ns();

    key.pid = bpf_get_current_pid_tgid();
    bpf_map_update_elem(&started, &key, &now, BPF_ANY);
    return 0;
}

SEC("kretprobe/vfs_read")
int read_ends(void *ctx)
{
    struct key key = {};
    __u32 zero = 0;
    __u64 *start, *slots, slot;

    key.pid = bpf_get_current_pid_tgid();
    start = bpf_map_lookup_elem(&started, &key);
    slot = (bpf_ktime_get_ns() - *start) >> 20;
    bpf_map_delete_elem(&started, &key);
    slots = bpf_map_lookup_elem(&histogram, &zero);
    if (slot > 31)
        slot = 31;
    __sync_fetch_and_add(&slots[slot], 1);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
