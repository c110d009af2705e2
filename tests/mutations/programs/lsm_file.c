#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u64);
    __type(value, __u32);
} inodes SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(deny_open, struct file *file)
{
    __u64 ino = file->f_inode->i_ino;
    __u32 *denied = bpf_map_lookup_elem(&inodes, &ino);

    if (!denied)
        return 0;
    *denied += 1;
    return -1;
}

char LICENSE[] SEC("license") = "GPL";
