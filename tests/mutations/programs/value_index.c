#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ENTRIES 20

struct table {
    __u64 next;
    __u64 entries[ENTRIES];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct table);
} tables SEC(".maps");

SEC("tc")
int append(struct __sk_buff *skb)
{
    __u32 zero = 0;
    struct table *t = bpf_map_lookup_elem(&tables, &zero);

    if (!t)
        return 0;

    __u64 next = t->next;

    if (next >= ENTRIES)
        return 0;
    t->entries[next] = skb->len;
    t->next = next + 1;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
