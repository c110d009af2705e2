// Locks, timers and kernel pointers in maps that cannot have such: the kernel refuses the maps' types.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct locked {
	long count;
	struct bpf_spin_lock lock;
};

struct timed {
	long count;
	struct bpf_timer timer;
};

struct pointing {
	long count;
	struct task_struct __attribute__((btf_type_tag("kptr"))) *task;
};

struct prefix {
	int length, data;
};

enum index { FIRST };

#define MAP(name, kind, key_type, value_type, flags)                                                                   \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 1);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

MAP(plain, BPF_MAP_TYPE_ARRAY, int, struct locked, 0);
MAP(each_cpu, BPF_MAP_TYPE_PERCPU_ARRAY, int, struct locked, 0);
MAP(recent, BPF_MAP_TYPE_LRU_HASH, int, struct locked, 0);
MAP(by_enum, BPF_MAP_TYPE_ARRAY, enum index, struct locked, 0);
MAP(read_only, BPF_MAP_TYPE_ARRAY, int, struct locked, BPF_F_RDONLY_PROG);
MAP(timers, BPF_MAP_TYPE_PERCPU_ARRAY, int, struct timed, 0);
MAP(trie, BPF_MAP_TYPE_LPM_TRIE, struct prefix, struct pointing, BPF_F_NO_PREALLOC);

#define LOCKS(name, map, key_type)                                                                                     \
	SEC("tc")                                                                                                      \
	int name(struct __sk_buff *ctx)                                                                                \
	{                                                                                                              \
		key_type key = 0;                                                                                      \
		struct locked *value = bpf_map_lookup_elem(&map, &key);                                                \
                                                                                                                       \
		if (!value)                                                                                            \
			return 0;                                                                                      \
		bpf_spin_lock(&value->lock);                                                                           \
		value->count++;                                                                                        \
		bpf_spin_unlock(&value->lock);                                                                         \
		return 0;                                                                                              \
	}

LOCKS(lock_plain, plain, int)
LOCKS(lock_each_cpu, each_cpu, int)
LOCKS(lock_recent, recent, int)
LOCKS(lock_by_enum, by_enum, enum index)
LOCKS(lock_read_only, read_only, int)

SEC("tc")
int timer_each_cpu(struct __sk_buff *ctx)
{
	int key = 0;
	struct timed *value = bpf_map_lookup_elem(&timers, &key);

	return value ? bpf_timer_init(&value->timer, &timers, 1) : 0;
}

SEC("tc")
int pointer_is_a_number(struct __sk_buff *ctx)
{
	struct prefix key = {};
	struct pointing *value = bpf_map_lookup_elem(&trie, &key);

	return value && value->task ? value->task->pid : 0;
}

SEC("tc")
int lock_is_a_number(struct __sk_buff *ctx)
{
	int key = 0;
	struct locked *value = bpf_map_lookup_elem(&recent, &key);

	if (value)
		*(volatile int *)&value->lock = 1;
	return 0;
}

char _license[] SEC("license") = "GPL";
