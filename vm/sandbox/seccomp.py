"""The system calls a job may not make, as a classic BPF filter for seccomp.

A deny list: what a compiler or an emulator needs of the kernel changes with its release, what
it never needs does not. Denied calls fail with EPERM (clone3 with ENOSYS, so that libraries fall
back to clone, whose flags a filter can see); a foreign architecture's calls end the process.
"""

from __future__ import annotations

import errno
import struct
from typing import Final

# Numbers from the kernel's asm/unistd_64.h and asm-generic/unistd.h: (x86-64, arm64); None: not there.
_DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    # network
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "accept4": (288, 242),
    # new processes (threads are seen to below) and leaving the session the supervisor kills
    "fork": (57, None), "vfork": (58, None), "setpgid": (109, 154), "setsid": (112, 157),
    # other processes
    "kill": (62, 129), "tkill": (200, 130), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # names that outlive the job or lead out of its directory
    "link": (86, None), "symlink": (88, None), "linkat": (265, 37), "symlinkat": (266, 36), "mknod": (133, None),
    "mknodat": (259, 33), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    # large kernel surfaces with no use here
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "fanotify_init": (300, 262), "modify_ldt": (154, None), "personality": (135, 92),
    "vmsplice": (278, 75), "uselib": (134, None), "lookup_dcookie": (212, 18),
    # the machine itself
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "iopl": (172, None), "ioperm": (173, None),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "vhangup": (153, 58),
}  # fmt: skip
_EXEC: Final = {"execve": (59, 221), "execveat": (322, 281)}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
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
    denied = [numbers[column] for numbers in _DENIED.values()]
    if not allow_exec:
        denied += [numbers[column] for numbers in _EXEC.values()]
    code: list[tuple[int, int, int, int]] = [
        (_LD_W_ABS, 0, 0, _ARCH),
        (_JEQ, 1, 0, audit_arch),
        (_RET, 0, 0, _KILL),
        (_LD_W_ABS, 0, 0, _NR),
    ]
    if machine == "x86_64":
        code += [(_JGE, 0, 1, _X32_BIT), (_RET, 0, 0, _EPERM)]
    for number in denied:
        if number is not None:
            code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _EPERM)]
    code += [(_JEQ, 0, 1, _CLONE3[column]), (_RET, 0, 0, _ENOSYS)]
    # clone: threads only.
    code += [
        (_JEQ, 0, 4, _CLONE[column]),
        (_LD_W_ABS, 0, 0, _ARGS),
        (_JSET, 0, 1, _CLONE_THREAD),
        (_RET, 0, 0, _ALLOW),
        (_RET, 0, 0, _EPERM),
    ]
    for number, allowed in ((_TGKILL[column], pid), (_PRLIMIT64[column], 0)):
        code += [
            (_JEQ, 0, 4, number),
            (_LD_W_ABS, 0, 0, _ARGS),
            (_JEQ, 0, 1, allowed),
            (_RET, 0, 0, _ALLOW),
            (_RET, 0, 0, _EPERM),
        ]
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *insn) for insn in code)
