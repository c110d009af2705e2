#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LEN 16

SEC("tracepoint/syscalls/sys_enter_execve")
int match(void *ctx)
{
    char comm[LEN] = {};
    char want[] = "nginx";

    bpf_get_current_comm(comm, sizeof(comm));
    for (int i = 0; i < sizeof(want); i++) {
        if (comm[i] != want[i])
            return 0;
    }
    if (comm[bpf_get_prandom_u32()] == 0)
        return 0;
    bpf_printk("exec by %s", comm);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
