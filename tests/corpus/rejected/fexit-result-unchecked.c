#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, u64);
    __type(value, s64);
    __uint(max_entries, 512);
} results SEC(".maps");

SEC("fexit/vfs_write")
int BPF_PROG(wrote, struct file *file, const char *buf, size_t count, loff_t *pos, ssize_t ret)
{
    u64 id = file->f_inode->i_ino;
    s64 *bytes, zero = 0;

    if (ret <= 0)
        return 0;
    bpf_map_update_elem(&results, &id, &zero, BPF_NOEXIST);
    bytes = bpf_map_lookup_elem(&results, &id);
    __sync_fetch_and_add(bytes, ret);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
