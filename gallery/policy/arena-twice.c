#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARENA);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __ulong(map_extra, 1ull << 44);
} first SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARENA);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __ulong(map_extra, 2ull << 44);
} second SEC(".maps");

SEC("syscall")
int use(void *ctx)
{
    asm volatile("" :: "r"(&first), "r"(&second));
    return 0;
}

char _license[] SEC("license") = "GPL";
