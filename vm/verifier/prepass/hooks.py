"""Hooks the verifier treats by name: tracepoints with arguments that may be null, LSM hooks.

Facts of raw_tp_null_args in kernel/bpf/btf.c and of the sets in kernel/bpf/bpf_lsm.c.
"""

from __future__ import annotations

from typing import Final

from vm.namedtuples import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Tracepoint -> arguments (from 0) that may be null.
MAY_BE_NULL: Final[dict[str, tuple[int, ...]]] = {
    "sched_pi_setprio": (1,),
    "sched_process_wait": (0,),
    "sched_stick_numa": (2,),
    "sched_swap_numa": (2,),
    "afs_make_fs_call": (1,),
    "afs_make_fs_calli": (1,),
    "afs_make_fs_call1": (1,),
    "afs_make_fs_call2": (1,),
    "afs_protocol_error": (0,),
    "afs_flock_ev": (1,),
    "cachefiles_lookup": (0,),
    "cachefiles_unlink": (0,),
    "cachefiles_rename": (0,),
    "cachefiles_prep_read": (0,),
    "cachefiles_mark_active": (0,),
    "cachefiles_mark_failed": (0,),
    "cachefiles_mark_inactive": (0,),
    "cachefiles_vfs_error": (0,),
    "cachefiles_io_error": (0,),
    "cachefiles_ondemand_open": (0,),
    "cachefiles_ondemand_copen": (0,),
    "cachefiles_ondemand_close": (0,),
    "cachefiles_ondemand_read": (0,),
    "cachefiles_ondemand_cread": (0,),
    "cachefiles_ondemand_fd_write": (0,),
    "cachefiles_ondemand_fd_release": (0,),
    "ext4_mballoc_discard": (1,),
    "ext4_mballoc_free": (1,),
    "fib_table_lookup": (2,),
    "posix_lock_inode": (1,),
    "fcntl_setlk": (1,),
    "locks_remove_posix": (1,),
    "flock_lock_inode": (1,),
    "break_lease_noblock": (1,),
    "break_lease_block": (1,),
    "break_lease_unblock": (1,),
    "generic_delete_lease": (1,),
    "time_out_leases": (1,),
    "host1x_cdma_push_gather": (4,),
    "mm_khugepaged_scan_pmd": (1,),
    "mm_collapse_huge_page_isolate": (0,),
    "mm_khugepaged_scan_file": (1,),
    "mm_khugepaged_collapse_file": (1,),
    "mm_page_alloc": (0,),
    "mm_page_pcpu_drain": (0,),
    "mm_page_alloc_zone_locked": (0,),
    "netfs_failure": (1,),
    "device_pm_callback_start": (1,),
    "qdisc_dequeue": (3,),
    "rxrpc_recvdata": (0,),
    "rxrpc_resend": (1,),
    "kfree_skb": (3,),
    "xs_stream_read_data": (0,),
    "xprt_reserve_cong": (1,),
    "xprt_release_cong": (1,),
    "xprt_get_cong": (1,),
    "xprt_put_cong": (1,),
    "tcp_send_reset": (0, 1),
    "tegra_dma_tx_status": (2,),
    "tmigr_update_events": (0,),
    "writeback_dirty_folio": (1,),
    "folio_wait_writeback": (1,),
}

# Tracepoint -> arguments that may hold an error code instead of a pointer.
MAY_BE_ERROR: Final[dict[str, tuple[int, ...]]] = {
    "cachefiles_lookup": (2,),
    "signal_generate": (1,),
    "signal_deliver": (1,),
    "mr_integ_alloc": (3,),
}

# No program may be attached to these.
LSM_DISABLED_HOOKS: Final = _words(
    """
    vm_enough_memory inode_need_killpriv inode_getsecurity inode_listsecurity
    inode_copy_up_xattr getselfattr getprocattr setprocattr key_getsecurity audit_rule_match
    xfrm_decode_session ismaclabel
    """
)

# Programs at these may sleep.
SLEEPABLE_LSM_HOOKS: Final = _words(
    """
    bpf bpf_map bpf_map_create bpf_map_free bpf_prog bpf_prog_load bpf_token_create bpf_token_free
    bpf_token_cmd bpf_token_capable bprm_check_security bprm_committed_creds bprm_committing_creds
    bprm_creds_for_exec bprm_creds_from_file capget capset cred_prepare file_ioctl file_lock file_open
    file_post_open file_receive inode_create inode_free_security inode_getattr inode_getxattr
    inode_mknod inode_need_killpriv inode_post_setxattr inode_readlink inode_rename inode_rmdir
    inode_setattr inode_setxattr inode_symlink inode_unlink kernel_module_request kernel_read_file
    kernfs_init_security path_unlink path_mkdir path_rmdir path_truncate path_symlink path_link
    path_rename path_chmod path_chown mmap_file netlink_send path_notify release_secctx
    sb_alloc_security sb_eat_lsm_opts sb_kern_mount sb_mount sb_remount sb_set_mnt_opts sb_show_options
    sb_statfs sb_umount settime socket_accept socket_bind socket_connect socket_create
    socket_getpeername socket_getpeersec_dgram socket_getsockname socket_getsockopt socket_listen
    socket_post_create socket_recvmsg socket_sendmsg socket_shutdown socket_socketpair syslog task_alloc
    current_getsecid_subj task_getsecid_obj task_prctl task_setscheduler userns_create
    """
)

# Their arguments are partly initialised or partly freed.
UNTRUSTED_LSM_HOOKS: Final = _words(
    """
    bpf_map_free bpf_prog_free file_alloc_security file_free_security sk_alloc_security sk_free_security
    task_free
    """
)

# These return a boolean, not 0 or an errno.
BOOL_LSM_HOOKS: Final = _words(
    """
    xfrm_state_pol_flow_match audit_rule_known inode_xattr_skipcap
    """
)


class IterArg(NamedTuple):
    """A field of an iterator's context that is not a plain pointer: the value that a read returns.

    kind -- trusted, plain (may be null both), rdonly_buf, rdwr_buf
    struct -- kernel struct pointed to, "" for buffers
    """

    kind: str
    struct: str = ""


# Iterator target -> field of its context (struct bpf_iter__<target>) -> what it is (struct bpf_iter_reg).
ITER_ARGS: Final[dict[str, dict[str, IterArg]]] = {
    "task": {"task": IterArg("trusted", "task_struct")},
    "task_file": {"task": IterArg("plain", "task_struct"), "file": IterArg("plain", "file")},
    "task_vma": {"task": IterArg("plain", "task_struct"), "vma": IterArg("plain", "vm_area_struct")},
    "bpf_map": {"map": IterArg("trusted", "bpf_map")},
    "bpf_map_elem": {"key": IterArg("rdonly_buf"), "value": IterArg("rdwr_buf")},
    "bpf_prog": {"prog": IterArg("plain", "bpf_prog")},
    "bpf_link": {"link": IterArg("plain", "bpf_link")},
    "cgroup": {"cgroup": IterArg("trusted", "cgroup")},
    "ksym": {"ksym": IterArg("plain", "kallsym_iter")},
    "bpf_sk_storage_map": {"sk": IterArg("plain", "sock"), "value": IterArg("rdwr_buf")},
    "sockmap": {"key": IterArg("rdonly_buf"), "sk": IterArg("plain", "sock")},
    "tcp": {"sk_common": IterArg("trusted", "sock_common")},
    "udp": {"udp_sk": IterArg("trusted", "udp_sock")},
    "unix": {"unix_sk": IterArg("plain", "unix_sock")},
    "netlink": {"sk": IterArg("plain", "netlink_sock")},
    "ipv6_route": {"rt": IterArg("plain", "fib6_info")},
}
