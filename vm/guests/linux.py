"""Numbers and structures of the x86-64 Linux ABI for requests to a guest."""

from __future__ import annotations

import struct
from typing import Final

READ: Final = 0
WRITE: Final = 1
OPEN: Final = 2
CLOSE: Final = 3
MMAP: Final = 9
IOCTL: Final = 16
PIPE2: Final = 293
WAIT4: Final = 61
KILL: Final = 62
MKDIR: Final = 83
MOUNT: Final = 165
UNAME: Final = 63
GETDENTS64: Final = 217
MKNOD: Final = 133
UNSHARE: Final = 272
SETNS: Final = 308
CLOCK_SETTIME: Final = 227
PERF_EVENT_OPEN: Final = 298
PRLIMIT64: Final = 302
FINIT_MODULE: Final = 313
BPF: Final = 321
DUP2: Final = 33
SOCKET: Final = 41
CONNECT: Final = 42
ACCEPT: Final = 43
SENDTO: Final = 44
RECVFROM: Final = 45
BIND: Final = 49
LISTEN: Final = 50

O_RDONLY: Final = 0
O_WRONLY: Final = 1
O_RDWR: Final = 2
O_CREAT: Final = 0x40
O_NONBLOCK: Final = 0x800
O_CLOEXEC: Final = 0x80000
RLIMIT_MEMLOCK: Final = 8
UNLIMITED: Final = 0xFFFF_FFFF_FFFF_FFFF

# enum bpf_cmd
MAP_CREATE: Final = 0
MAP_LOOKUP_ELEM: Final = 1
MAP_UPDATE_ELEM: Final = 2
MAP_DELETE_ELEM: Final = 3
MAP_GET_NEXT_KEY: Final = 4
PROG_LOAD: Final = 5
PROG_ATTACH: Final = 8
PROG_TEST_RUN: Final = 10
OBJ_GET_INFO_BY_FD: Final = 15
RAW_TRACEPOINT_OPEN: Final = 17
BTF_LOAD: Final = 18
MAP_FREEZE: Final = 22
LINK_CREATE: Final = 28
ITER_CREATE: Final = 33
PROG_BIND_MAP: Final = 35

ATTR_BYTES: Final = 256


class Attr:
    """union bpf_attr, field by field at the offsets of the UAPI."""

    def __init__(self) -> None:
        self.data = bytearray(ATTR_BYTES)
        self.size = 0

    def u32(self, offset: int, value: int) -> Attr:
        """Put a 32-bit number."""
        struct.pack_into("<I", self.data, offset, value & 0xFFFFFFFF)
        self.size = max(self.size, offset + 4)
        return self

    def u64(self, offset: int, value: int) -> Attr:
        """Put a 64-bit number or an address."""
        struct.pack_into("<Q", self.data, offset, value & 0xFFFF_FFFF_FFFF_FFFF)
        self.size = max(self.size, offset + 8)
        return self

    def text(self, offset: int, value: bytes, size: int = 16) -> Attr:
        """Put a name of at most size - 1 characters."""
        self.data[offset : offset + size] = value[: size - 1].ljust(size, b"\0")
        self.size = max(self.size, offset + size)
        return self
