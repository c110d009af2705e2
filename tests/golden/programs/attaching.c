// Functions and hooks that programs can and cannot be attached to.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define AT(section, name)                                                                                              \
	SEC(section)                                                                                                   \
	int name(void *ctx)                                                                                            \
	{                                                                                                              \
		return 0;                                                                                              \
	}

AT("fentry/do_exit", entry_of_exit)
AT("fexit/do_exit", never_returns)
AT("fentry/_printk", any_number_of_arguments)
AT("fexit/class_irqsave_constructor", returns_a_struct)
AT("fentry/migrate_disable", denied)
AT("fmod_ret/do_exit", no_security_hook)
AT("fmod_ret/security_file_open", security_hook)
AT("fentry.s/security_file_open", may_not_sleep)
AT("fentry.s/bpf_fentry_test1", may_sleep)
AT("lsm/verify_prog", no_hook)
AT("lsm/inode_getsecurity", disabled_hook)

char _license[] SEC("license") = "GPL";
