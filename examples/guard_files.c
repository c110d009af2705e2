/* Files whose names end with "~" cannot be deleted: an LSM program answers for the kernel. Recorded in a real kernel. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

const volatile char mark = '~';
u64 refused;

SEC("lsm/inode_unlink")
int BPF_PROG(on_unlink, struct inode *dir, struct dentry *dentry)
{
	u32 length = dentry->d_name.len;
	char name[32] = {};

	if (length == 0 || length >= sizeof(name))
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name);
	if (name[(length - 1) & 31] != mark)
		return 0;
	refused++;
	bpf_printk("%s in directory %lu stays", name, dir->i_ino);
	return -EPERM;
}

char LICENSE[] SEC("license") = "GPL";
