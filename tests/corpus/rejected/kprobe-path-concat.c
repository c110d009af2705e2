#define __TARGET_ARCH_x86
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct line { u32 used; char text[256]; };
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct line);
} lines SEC(".maps");

SEC("kprobe/vfs_unlink")
int BPF_KPROBE(on_exec, void *idmap, struct inode *dir, struct dentry *dentry)
{
    u32 zero = 0;
    struct line *line = bpf_map_lookup_elem(&lines, &zero);
    const unsigned char *name;
    struct dentry *parent;
    long len;
    u32 off;

    if (!line)
        return 0;
    parent = BPF_CORE_READ(dentry, d_parent);
    name = BPF_CORE_READ(parent, d_name.name);
    len = bpf_probe_read_kernel_str(line->text, 128, name);
    if (len < 0)
        return 0;
    off = len;
    name = BPF_CORE_READ(dentry, d_name.name);
    len = bpf_probe_read_kernel_str(&line->text[off], 200, name);
    if (len > 0)
        line->used = off + len;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
