"""Example values: what arguments, fields and kernel objects of an event hold when the user gave none.

None of this was recorded. The values are made up so that a first run of a tracing program reads something plausible
and the same on every machine: one process, one file, one TCP connection. Addresses are of the blocks reserved for
documentation (RFC 5737, RFC 3849). Field names are checked against the kernel's BTF by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias


class ObjectRef(NamedTuple):
    """A pointer to the run's example object of a kernel structure."""

    struct: str


class UserText(NamedTuple):
    """A pointer to a NUL-terminated string in user memory."""

    text: str


# What an event's value may be: a number, text, bytes, or strings that an array of pointers leads to.
EventValue: TypeAlias = int | str | bytes | tuple[str, ...]
FieldValue: TypeAlias = int | str | bytes | ObjectRef | UserText

PID: Final = 4242
UID: Final = 1000
COMM: Final = "bpfscope"
TIME_NS: Final = 1_000_000_000
FAMILY_INET: Final = 2
TCP: Final = 6
ESTABLISHED: Final = 1
LOCAL_PORT: Final = 40_000
REMOTE_PORT: Final = 80


def big_endian(port: int) -> int:
    """A 16-bit number in network byte order, as a little-endian field holds it."""
    return port >> 8 | (port & 0xFF) << 8


LOCAL_ADDRESS: Final = bytes((192, 0, 2, 1))
REMOTE_ADDRESS: Final = bytes((192, 0, 2, 2))
LOCAL_V6: Final = bytes.fromhex("20010db8000000000000000000000001")
REMOTE_V6: Final = bytes.fromhex("20010db8000000000000000000000002")
SOCKADDR_IN: Final = bytes((FAMILY_INET, 0)) + REMOTE_PORT.to_bytes(2, "big") + REMOTE_ADDRESS + bytes(8)

# struct -> field -> value. Text for a char array is copied into it; for a pointer it is a string in kernel memory.
OBJECTS: Final[Mapping[str, Mapping[str, FieldValue]]] = {
    "task_struct": {
        "pid": PID, "tgid": PID, "comm": COMM, "prio": 120, "static_prio": 120, "start_time": TIME_NS,
        "start_boottime": TIME_NS, "loginuid.val": UID, "cred": ObjectRef("cred"), "real_cred": ObjectRef("cred"),
        "real_parent": ObjectRef("task_struct:parent"), "parent": ObjectRef("task_struct:parent"),
        "group_leader": ObjectRef("task_struct"), "mm": ObjectRef("mm_struct"), "nsproxy": ObjectRef("nsproxy"),
    },
    "task_struct:parent": {
        "pid": 1200, "tgid": 1200, "comm": "bash", "prio": 120, "static_prio": 120, "cred": ObjectRef("cred"),
        "real_cred": ObjectRef("cred"), "group_leader": ObjectRef("task_struct:parent"),
    },
    "task_struct:other": {
        "pid": 4300, "tgid": 4300, "comm": "sshd", "prio": 120, "static_prio": 120, "cred": ObjectRef("cred"),
        "real_cred": ObjectRef("cred"), "real_parent": ObjectRef("task_struct:parent"),
        "parent": ObjectRef("task_struct:parent"), "group_leader": ObjectRef("task_struct:other"),
    },
    "cred": {
        "uid.val": UID, "gid.val": UID, "euid.val": UID, "egid.val": UID, "suid.val": UID, "sgid.val": UID,
        "fsuid.val": UID, "fsgid.val": UID,
    },
    "mm_struct": {"total_vm": 2048, "exe_file": ObjectRef("file")},
    "nsproxy": {"net_ns": ObjectRef("net")},
    "net": {"ns.inum": 0xF0000000},
    "file": {
        "f_path.dentry": ObjectRef("dentry"), "f_path.mnt": ObjectRef("vfsmount"), "f_inode": ObjectRef("inode"),
        "f_flags": 0o100000, "f_mode": 1, "f_pos": 0, "f_cred": ObjectRef("cred"),
    },
    "path": {"dentry": ObjectRef("dentry"), "mnt": ObjectRef("vfsmount")},
    "dentry": {
        "d_name.name": "example.txt", "d_name.len": 11, "d_iname": "example.txt", "d_inode": ObjectRef("inode"),
        "d_parent": ObjectRef("dentry:directory"), "d_sb": ObjectRef("super_block"),
    },
    "dentry:directory": {
        "d_name.name": "tmp", "d_name.len": 3, "d_iname": "tmp", "d_inode": ObjectRef("inode:directory"),
        "d_parent": ObjectRef("dentry:root"), "d_sb": ObjectRef("super_block"),
    },
    "dentry:root": {
        "d_name.name": "/", "d_name.len": 1, "d_iname": "/", "d_inode": ObjectRef("inode:directory"),
        "d_parent": ObjectRef("dentry:root"), "d_sb": ObjectRef("super_block"),
    },
    "inode": {
        "i_ino": 131_073, "i_mode": 0o100644, "i_size": 4096, "i_uid.val": UID, "i_gid.val": UID, "__i_nlink": 1,
        "i_sb": ObjectRef("super_block"),
    },
    "inode:directory": {"i_ino": 2, "i_mode": 0o40755, "i_size": 4096, "__i_nlink": 2,
                        "i_sb": ObjectRef("super_block")},
    "super_block": {
        "s_dev": 8 << 20 | 1, "s_id": "sda1", "s_magic": 0xEF53, "s_blocksize": 4096,
        "s_type": ObjectRef("file_system_type"), "s_root": ObjectRef("dentry:root"),
    },
    "file_system_type": {"name": "ext4"},
    "vfsmount": {"mnt_sb": ObjectRef("super_block"), "mnt_root": ObjectRef("dentry:root")},
    "filename": {"name": "/tmp/example.txt"},
    "linux_binprm": {
        "filename": "/usr/bin/ls", "interp": "/usr/bin/ls", "file": ObjectRef("file"), "cred": ObjectRef("cred"),
        "mm": ObjectRef("mm_struct"), "argc": 3, "envc": 1, "buf": b"\x7fELF\x02\x01\x01",
    },
    "open_how": {"flags": 0, "mode": 0},
    "sock": {
        "__sk_common.skc_family": FAMILY_INET, "__sk_common.skc_num": LOCAL_PORT,
        "__sk_common.skc_dport": big_endian(REMOTE_PORT), "__sk_common.skc_rcv_saddr": LOCAL_ADDRESS,
        "__sk_common.skc_daddr": REMOTE_ADDRESS, "__sk_common.skc_v6_rcv_saddr": LOCAL_V6,
        "__sk_common.skc_v6_daddr": REMOTE_V6, "__sk_common.skc_state": ESTABLISHED,
        "__sk_common.skc_net.net": ObjectRef("net"), "sk_protocol": TCP, "sk_type": 1, "sk_uid.val": UID,
        "sk_socket": ObjectRef("socket"), "sk_rcvbuf": 131_072, "sk_sndbuf": 16_384,
    },
    "tcp_sock": {
        "srtt_us": 8 * 25_000, "mdev_us": 4 * 5_000, "snd_cwnd": 10, "mss_cache": 1448, "bytes_acked": 1000,
        "bytes_received": 20_000, "inet_conn.icsk_inet.inet_sport": big_endian(LOCAL_PORT),
        "inet_conn.icsk_inet.inet_saddr": LOCAL_ADDRESS,
    },
    "socket": {"state": 3, "type": 1, "sk": ObjectRef("sock"), "file": ObjectRef("file")},
    "msghdr": {"msg_iter.count": 64},
    "iov_iter": {"count": 64},
    "kiocb": {"ki_filp": ObjectRef("file")},
    "sockaddr": {"sa_family": FAMILY_INET},
    "sk_buff": {
        "len": 60, "protocol": big_endian(0x0800), "sk": ObjectRef("sock"), "dev": ObjectRef("net_device"),
        "skb_iif": 2,
    },
    "net_device": {"name": "eth0", "ifindex": 2, "mtu": 1500, "nd_net.net": ObjectRef("net")},
    "request": {"__data_len": 4096, "__sector": 2048, "part": ObjectRef("block_device")},
    "bio": {"bi_bdev": ObjectRef("block_device"), "bi_iter.bi_sector": 2048, "bi_iter.bi_size": 4096},
    "block_device": {"bd_dev": 8 << 20, "bd_disk": ObjectRef("gendisk")},
    "gendisk": {"disk_name": "sda", "major": 8},
    "vm_area_struct": {
        "vm_start": 0x7F00_0000_0000, "vm_end": 0x7F00_0000_4000, "vm_flags": 0x75, "vm_file": ObjectRef("file"),
        "vm_mm": ObjectRef("mm_struct"),
    },
    "bpf_iter_meta": {"seq": ObjectRef("seq_file"), "session_id": 1},
    "seq_file": {"size": 4096},
    "bpf_map": {"name": "example", "map_type": 1, "key_size": 4, "value_size": 8, "max_entries": 1024, "id": 1},
    "pt_regs": {"di": -100, "si": UserText("/tmp/example.txt"), "orig_ax": 257, "ip": 0x5555_5555_5000},
}  # fmt: skip

# A structure's example object also has the fields of a larger one it is the beginning of.
LARGER: Final[Mapping[str, str]] = {"sock": "tcp_sock", "sock_common": "tcp_sock"}
# Structures whose example is another one's: what a pointer of the first type really points to.
SAME_OBJECT: Final[Mapping[str, str]] = {
    "sock_common": "sock", "tcp_sock": "sock", "inet_sock": "sock", "inet_connection_sock": "sock",
}  # fmt: skip
# The second argument of one type is another object than the first.
SECOND: Final[Mapping[str, str]] = {"task_struct": "task_struct:other", "dentry": "dentry:directory"}

# Numbers of arguments and of fields of records, by name; what is not here is 1, or 0 where the name is one of ZERO.
NUMBERS: Final[Mapping[str, int]] = {
    "fd": 3, "dfd": -100, "count": 64, "len": 64, "size": 64, "nr_bytes": 4096, "bytes": 64, "nbytes": 64, "usize": 24,
    "addrlen": 16, "addr_len": 16, "mode": 0o644, "pid": PID, "tgid": PID, "tid": PID, "prev_pid": PID,
    "next_pid": 4300, "old_pid": PID, "parent_pid": 1200, "child_pid": 4300, "common_pid": PID, "prio": 120,
    "prev_prio": 120, "next_prio": 120, "sig": 15, "signal": 15, "uid": UID, "gid": UID, "family": FAMILY_INET,
    "type": 1, "protocol": TCP, "sport": LOCAL_PORT, "dport": REMOTE_PORT, "oldstate": 2, "newstate": ESTABLISHED,
    "prot": 1, "clone_flags": 0x1200011, "id": 257, "dev": 8 << 20, "sector": 2048, "nr_sector": 8, "skblen": 60,
    "target_cpu": 1, "orig_cpu": 0, "dest_cpu": 1, "runtime": 1_000_000, "delay": 1_000_000, "request": 16,
    "cmd": 5, "ino": 131_073, "irq": 24, "vec": 3, "nr_pages": 1, "order": 0, "acc_mode": 4,
}  # fmt: skip
ZERO: Final = frozenset({
    "flags", "flag", "ret", "retval", "error", "error_code", "pos", "off", "offset", "preempt", "prev_state", "cpu",
    "newsp", "parent_tidptr", "child_tidptr", "tls", "upeer_sockaddr", "upeer_addrlen", "envp", "rmtp", "addr",
    "data", "success", "exit_code", "mask", "how",
})  # fmt: skip
# Text of strings and of char arrays, by name; what is not here is TEXT.
TEXT: Final = "example"
TEXTS: Final[Mapping[str, str]] = {
    "filename": "/tmp/example.txt", "pathname": "/tmp/example.txt", "oldname": "/tmp/example.txt",
    "newname": "/tmp/renamed.txt", "path": "/tmp/example.txt", "comm": COMM, "prev_comm": COMM, "next_comm": "sshd",
    "parent_comm": "bash", "child_comm": "sshd", "buf": "hello", "buff": "hello", "ubuf": "hello", "name": "eth0",
    "dev_name": "/dev/sda1", "type": "ext4", "disk": "sda",
}  # fmt: skip
# Arguments and fields that are bytes.
BYTES: Final[Mapping[str, bytes]] = {
    "uservaddr": SOCKADDR_IN, "umyaddr": SOCKADDR_IN, "saddr": LOCAL_ADDRESS, "daddr": REMOTE_ADDRESS,
    "saddr_v6": LOCAL_V6, "daddr_v6": REMOTE_V6,
}  # fmt: skip
# Fields of records that are addresses of objects, though their type is void *.
POINTERS: Final[Mapping[str, str]] = {"skaddr": "sock", "skbaddr": "sk_buff", "skb": "sk_buff", "sk": "sock"}
# Parameters of kernel functions that point to user memory; BTF does not say which do.
USER_POINTERS: Final = frozenset({"buf", "ubuf", "buff", "filename", "pathname", "uservaddr", "umyaddr", "uaddr"})

# What a function or system call is called with and gives back, where the tables by name would not fit.
CALLS: Final[Mapping[str, Mapping[str, EventValue]]] = {
    "execve": {"filename": "/usr/bin/ls", "argv": ("ls", "-l", "/tmp"), "envp": ("HOME=/home/user",)},
    "execveat": {"fd": -100, "filename": "/usr/bin/ls", "argv": ("ls", "-l", "/tmp"), "envp": ("HOME=/home/user",)},
    "sched_process_exec": {"filename": "/usr/bin/ls"},
    "tcp_sendmsg": {"size": 64},
    "socket": {"type": 1, "protocol": 0},
    "mmap": {"addr": 0, "len": 4096, "prot": 3, "flags": 0x22, "fd": -1, "off": 0},
}
RESULTS: Final[Mapping[str, int]] = {
    "read": 64, "write": 64, "open": 3, "openat": 3, "openat2": 3, "socket": 3, "accept": 4, "accept4": 4,
    "sendto": 64, "recvfrom": 64, "clone": 4300, "vfs_read": 64, "vfs_write": 64, "tcp_sendmsg": 64,
    "tcp_recvmsg": 64, "do_sys_openat2": 3, "ksys_read": 64, "ksys_write": 64,
}  # fmt: skip

# Types of system calls' arguments, by name, for people to read; what is not here is a long.
SYSCALL_TYPES: Final[Mapping[str, str]] = {
    "filename": "const char *", "pathname": "const char *", "oldname": "const char *", "newname": "const char *",
    "argv": "const char *const *", "envp": "const char *const *", "fd": "unsigned int", "dfd": "int",
    "buf": "char *", "buff": "void *", "ubuf": "void *", "count": "size_t", "len": "size_t", "size": "size_t",
    "flags": "int", "flag": "int", "mode": "umode_t", "uservaddr": "struct sockaddr *",
    "umyaddr": "struct sockaddr *", "addrlen": "int", "family": "int", "type": "int", "protocol": "int",
    "pid": "pid_t", "tgid": "pid_t", "sig": "int", "uid": "uid_t", "how": "struct open_how *", "usize": "size_t",
    "upeer_sockaddr": "struct sockaddr *", "upeer_addrlen": "int *", "cmd": "int", "error_code": "int",
    "clone_flags": "unsigned long", "addr_len": "int", "ret": "long", "nr": "int",
}  # fmt: skip
