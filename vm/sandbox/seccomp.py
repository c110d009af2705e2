"""The system calls a job may make, as a classic BPF filter for seccomp.

An allow list: what is not in it fails with EPERM, also what a later kernel adds. clone3, and calls that are newer than
the table, fail with ENOSYS, so that libraries fall back to what they did before (clone, whose flags a filter can see).
A foreign architecture's calls end the process.

Left out on purpose, though a path or descriptor that Landlock allows might be named: what changes owners, modes and
times of files (chmod, chown, utimensat, setxattr), and what changes how other processes of the same user are run
(setpriority, sched_setaffinity, sched_setscheduler, ioprio_set), for Landlock covers neither.
"""

from __future__ import annotations

import errno
import struct
from typing import Final

# Numbers from the kernel's asm/unistd_64.h and asm-generic/unistd.h: (x86-64, arm64); None: not there.
ALLOWED: Final[dict[str, tuple[int, int | None]]] = {
    # memory
    "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216), "madvise": (28, 233),
    "brk": (12, 214), "msync": (26, 227), "mincore": (27, 232), "mlock": (149, 228), "munlock": (150, 229),
    # files, within what Landlock leaves
    "read": (0, 63), "write": (1, 64), "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65),
    "writev": (20, 66), "preadv": (295, 69), "pwritev": (296, 70), "preadv2": (327, 286), "pwritev2": (328, 287),
    "lseek": (8, 62), "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "close": (3, 57), "close_range": (436, 436), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44), "access": (21, None),
    "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getdents": (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, None),
    "unlinkat": (263, 35), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "truncate": (76, 45),
    "ftruncate": (77, 46), "fallocate": (285, 47), "fsync": (74, 82), "fdatasync": (75, 83),
    "sync_file_range": (277, 84), "flock": (73, 32), "fcntl": (72, 25), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24), "pipe": (22, None), "pipe2": (293, 59), "fadvise64": (221, 223),
    "readahead": (187, 213), "copy_file_range": (326, 285), "sendfile": (40, 71), "splice": (275, 76),
    "tee": (276, 77), "umask": (95, 166),
    # waiting
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd": (284, None), "eventfd2": (290, 19), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "signalfd4": (289, 74),
    "restart_syscall": (219, 128),
    # signals of its own
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "pause": (34, None),
    # time
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165), "alarm": (37, None),
    "getitimer": (36, 102), "setitimer": (38, 103), "timer_create": (222, 107), "timer_settime": (223, 110),
    "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111),
    # threads
    "set_tid_address": (218, 96), "set_robust_list": (273, 99), "get_robust_list": (274, 100), "futex": (202, 98),
    "futex_waitv": (449, 449), "futex_wake": (454, 454), "futex_wait": (455, 455), "futex_requeue": (456, 456),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "membarrier": (324, 283), "rseq": (334, 293), "arch_prctl": (158, None), "gettid": (186, 178),
    "getcpu": (309, 168), "exit": (60, 93), "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95),
    # what it is
    "getpid": (39, 172), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158),
    "getpgid": (121, 155), "getpgrp": (111, None), "getsid": (124, 156), "uname": (63, 160), "sysinfo": (99, 179),
    "getrandom": (318, 278), "getrlimit": (97, 163), "setrlimit": (160, 164), "getpriority": (140, 141),
    "capget": (125, 90), "prctl": (157, 167),
    # sockets that it was given
    "recvfrom": (45, 207), "recvmsg": (47, 212), "recvmmsg": (299, 243), "sendto": (44, 206), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "shutdown": (48, 210), "getsockopt": (55, 209), "setsockopt": (54, 208),
    "getsockname": (51, 204), "getpeername": (52, 205),
    # further restrictions of itself
    "seccomp": (317, 277), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip
NEWER: Final = 462
"""System calls from this number on (both architectures number new ones alike) are newer than the table."""
IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what libraries ask of any descriptor."""
_EXEC: Final = {"execve": (59, 221), "execveat": (322, 281)}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_IOCTL: Final = (16, 29)
_TGKILL: Final = (234, 131)
_PRLIMIT64: Final = (302, 261)

# (AUDIT_ARCH_…, column of the tables above) by os.uname().machine.
_ARCHS: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32_BIT: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000

_LD_W_ABS: Final = 0x20
_JEQ: Final = 0x15
_JGE: Final = 0x35
_JSET: Final = 0x45
_RET: Final = 0x06
_NR: Final = 0  # offsets in struct seccomp_data
_ARCH: Final = 4
_ARGS: Final = 16

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_EPERM: Final = 0x00050000 | errno.EPERM
_ENOSYS: Final = 0x00050000 | errno.ENOSYS


def supported(machine: str) -> bool:
    """Whether the tables know this machine (os.uname().machine)."""
    return machine in _ARCHS


def build_filter(machine: str, pid: int, *, allow_exec: bool) -> bytes:
    """struct sock_filter[] for `machine`.

    pid -- the process the filter is for: it may signal its own threads (abort() does), nobody else.
    allow_exec -- True where the filter is set just before the command is executed.
    """
    audit_arch, column = _ARCHS[machine]
    allowed = [numbers[column] for numbers in ALLOWED.values()]
    if allow_exec:
        allowed += [numbers[column] for numbers in _EXEC.values()]
    code: list[tuple[int, int, int, int]] = [
        (_LD_W_ABS, 0, 0, _ARCH),
        (_JEQ, 1, 0, audit_arch),
        (_RET, 0, 0, _KILL),
        (_LD_W_ABS, 0, 0, _NR),
    ]
    if machine == "x86_64":
        code += [(_JGE, 0, 1, _X32_BIT), (_RET, 0, 0, _EPERM)]
    for number in allowed:
        if number is not None:
            code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _ALLOW)]
    code += [(_JEQ, 0, 1, _CLONE3[column]), (_RET, 0, 0, _ENOSYS)]
    # clone: threads only.
    code += [
        (_JEQ, 0, 4, _CLONE[column]),
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JSET, 0, 1, _CLONE_THREAD),
        (_RET, 0, 0, _ALLOW),
        (_RET, 0, 0, _EPERM),
    ]
    for number, first in ((_TGKILL[column], pid), (_PRLIMIT64[column], 0)):
        code += [
            (_JEQ, 0, 4, number),
            (_LD_W_ABS, 0, 0, _ARGS),
            (_JEQ, 0, 1, first),
            (_RET, 0, 0, _ALLOW),
            (_RET, 0, 0, _EPERM),
        ]
    code += [(_JEQ, 0, 2 + 2 * len(IOCTLS), _IOCTL[column]), (_LD_W_ABS, 0, 0, _ARGS + 8)]
    for command in IOCTLS:
        code += [(_JEQ, 0, 1, command), (_RET, 0, 0, _ALLOW)]
    code += [(_RET, 0, 0, _EPERM), (_JGE, 0, 1, NEWER), (_RET, 0, 0, _ENOSYS), (_RET, 0, 0, _EPERM)]
    return b"".join(struct.pack("<HBBI", *insn) for insn in code)
