#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, char[64]);
    __type(value, __u64);
    __uint(max_entries, 128);
} names SEC(".maps");

static __noinline int note(__u32 pid)
{
    char key[64] = {};
    __u64 one = 1;

    key[0] = pid;
    bpf_get_current_comm(key, 16);
    return bpf_map_update_elem(&names, key, &one, BPF_ANY);
}

SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
    char buf[480] = {};

    bpf_get_current_comm(buf, sizeof(buf));
    if (buf[0] == 'x')
        return 0;
    return note(bpf_get_current_pid_tgid());
}

char LICENSE[] SEC("license") = "GPL";
