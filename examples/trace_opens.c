/* Which files are opened: an LSM hook that sees the opened file, whatever system call opened it. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct place {
	u64 inode;
	u32 writing;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct place);
	__type(value, u64);
} opened SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file)
{
	struct place key = {};
	u64 one = 1, *count;

	key.inode = file->f_inode->i_ino;
	key.writing = (file->f_flags & 3) != 0;
	count = bpf_map_lookup_elem(&opened, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&opened, &key, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
