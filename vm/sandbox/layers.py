"""The layers that hold a process: limits, Landlock, seccomp. Linux system calls through ctypes, nothing else.

Each function applies one layer to the calling process and cannot be undone. A layer that the
kernel does not have raises OSError: callers decide whether they can go on without it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from vm.sandbox import seccomp

MIB: Final = 1 << 20

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

_LANDLOCK_CREATE_RULESET: Final = 444  # the same numbers on every architecture
_LANDLOCK_ADD_RULE: Final = 445
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_CREATE_RULESET_VERSION: Final = 1
_LANDLOCK_RULE_PATH_BENEATH: Final = 1

_FS_EXECUTE: Final = 1 << 0
_FS_WRITE_FILE: Final = 1 << 1
_FS_READ_FILE: Final = 1 << 2
_FS_READ_DIR: Final = 1 << 3
_FS_REMOVE_DIR: Final = 1 << 4
_FS_REMOVE_FILE: Final = 1 << 5
_FS_MAKE_DIR: Final = 1 << 7
_FS_MAKE_REG: Final = 1 << 8
_FS_TRUNCATE: Final = 1 << 14
_FS_FILE_RIGHTS: Final = _FS_EXECUTE | _FS_WRITE_FILE | _FS_READ_FILE | _FS_TRUNCATE
_FS_READ: Final = _FS_EXECUTE | _FS_READ_FILE | _FS_READ_DIR
_FS_WRITE: Final = (
    _FS_READ | _FS_WRITE_FILE | _FS_REMOVE_DIR | _FS_REMOVE_FILE | _FS_MAKE_DIR | _FS_MAKE_REG | _FS_TRUNCATE
)

# Number of file-system rights each ABI knows (1: Linux 5.13, 2: 5.19, 3: 6.2, 5: 6.10).
_FS_RIGHTS_OF_ABI: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_RIGHTS_LATEST: Final = 16

LAYERS: Final = ("rlimits", "landlock", "seccomp", "bubblewrap")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Bytes and seconds; None leaves a limit as it is.

    wall    -- the supervisor kills the job's process group after this long
    cpu     -- processor seconds, then SIGXCPU
    memory  -- address space
    file_size -- of any one file written, then SIGXFSZ
    text    -- bytes of standard output and error together, then the job is killed
    output  -- bytes of any one output file that are handed back
    """

    wall: float = 4.0
    cpu: int | None = 3
    memory: int | None = 1024 * MIB
    file_size: int | None = 16 * MIB
    open_files: int | None = 64
    processes: int | None = None
    stack: int | None = 8 * MIB
    text: int = 256 * 1024
    output: int = 16 * MIB

    def to_json(self) -> dict[str, Any]:
        """As the launcher's protocol carries it."""
        return asdict(self)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _check(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(what: str, option: int, arg: int, arg3: Any = 0) -> None:
    zero = ctypes.c_ulong(0)
    third = arg3 if arg3 else zero
    _check(what, _libc().prctl(option, ctypes.c_ulong(arg), third, zero, zero))


def set_rlimits(limits: Limits) -> None:
    """Set soft and hard limits; a hard limit that is lower already stays."""
    wanted = {
        resource.RLIMIT_CPU: limits.cpu,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_STACK: limits.stack,
        resource.RLIMIT_CORE: 0,
    }
    if hasattr(resource, "RLIMIT_NPROC"):
        wanted[resource.RLIMIT_NPROC] = limits.processes
    for what, value in wanted.items():
        if value is None:
            continue
        hard = resource.getrlimit(what)[1]
        top = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # One second between the CPU limit's signal and its kill, so that the reason can be told.
        above = top + 1 if what == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else top
        resource.setrlimit(what, (top, above))


def die_with_parent(parent: int) -> None:
    """SIGKILL when the thread that made this process ends; ends at once if `parent` is gone already."""
    _prctl("PDEATHSIG", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def no_new_privileges() -> None:
    """No set-uid program gives this process or its children anything; also not dumpable, so not traceable."""
    _prctl("NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)
    _prctl("DUMPABLE", _PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Root keeps its user id (it must read what root owns) and loses its powers, also across exec."""
    if os.geteuid() != 0:
        return
    libc = _libc()
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break  # past the last one, or not ours to drop
    header = struct.pack("<Ii", 0x20080522, 0)
    libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))


def landlock_abi() -> int:
    """ABI version of the kernel's Landlock, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    version = _libc().syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION)
    return max(0, int(version))


def apply_landlock(read: Iterable[str], write: Iterable[str]) -> None:
    """Only `read` may be read and executed, only `write` changed; no TCP, signals or abstract sockets outwards.

    Paths that do not exist are left out: they cannot be opened either. Needs `no_new_privileges`.
    """
    abi = landlock_abi()
    if not abi:
        raise OSError("the kernel has no Landlock")
    fs = (1 << _FS_RIGHTS_OF_ABI.get(abi, _FS_RIGHTS_LATEST)) - 1
    net = 0b11 if abi >= 4 else 0
    scoped = 0b11 if abi >= 6 else 0
    attr = struct.pack("<QQQ", fs, net, scoped)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    libc = _libc()
    ruleset = _check(
        "landlock_create_ruleset",
        libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.c_char_p(attr), ctypes.c_size_t(len(attr)), 0),
    )
    try:
        for paths, rights in ((read, _FS_READ), (write, _FS_WRITE)):
            for path in paths:
                _add_path(libc, ruleset, path, rights & fs)
        _check("landlock_restrict_self", libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _add_path(libc: Any, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FS_FILE_RIGHTS
        rule = struct.pack("<Qi", rights, fd)
        result = libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
        _check(f"landlock_add_rule {path}", result)
    finally:
        os.close(fd)


def apply_seccomp(*, allow_exec: bool) -> None:
    """Install the filter of `seccomp.build_filter`. Needs `no_new_privileges`."""
    machine = os.uname().machine
    if not seccomp.supported(machine):
        raise OSError(f"no system call table for {machine}")
    program = seccomp.build_filter(machine, os.getpid(), allow_exec=allow_exec)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short len, then the pointer at its natural alignment
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    _prctl("seccomp", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(fprog))
