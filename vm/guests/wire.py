"""The protocol of a guest's port: requests, which consist of system calls, and their answers.

A request is `magic, number of writes, number of calls` (u32 each), then the writes (u64 address, u64 length, bytes)
and the calls (struct call of init.c, its patches, its reads). The answer has for each call its result (s64) and, if it
was made, the bytes of each read (u32 length first). All numbers are little-endian.

Data from a guest is not trusted, because a user's program may have taken it over: every length is checked against the
request.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

ARENA: Final = 0x2_0000_0000
ARENA_BYTES: Final = 96 << 20
SPAWN: Final = 0x10000
SLOTS: Final = 4096
MAX_PATCHES: Final = 65536
SKIPPED: Final = 0x7FFF_FFFF_FFFF_FFFF

OUT_OF_TIME: Final = "The guest did not answer within its time: its processor is busy, with a program or the workload."

MAGIC: Final = 0x67667062
_NO_SLOT: Final = 0xFFFFFFFF
_STOP: Final = 1
_PAGE: Final = 4096


class GuestError(Exception):
    """The guest ended, did not answer in time, or sent an invalid answer.

    kind -- time, crash (its kernel gave up), protocol, start
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Kind(IntEnum):
    """Which bytes of a read are returned: all, those up to the first NUL, or as many as the call returned."""

    BYTES = 0
    TEXT = 1
    RETURNED = 2


class Slot(NamedTuple):
    """The result of an earlier call, by number."""

    number: int


class Read(NamedTuple):
    """Memory of the guest that is returned after a call."""

    address: int
    size: int
    kind: Kind = Kind.BYTES


class Result(NamedTuple):
    """What a call returned (minus errno if it failed), and what was read after it."""

    value: int
    data: tuple[bytes, ...] = ()

    @property
    def skipped(self) -> bool:
        return self.value == SKIPPED

    @property
    def failed(self) -> bool:
        return self.value < 0 or self.value == SKIPPED


class Stream(Protocol):
    """Reads an exact number of bytes from the port; GuestError if the guest ends or exceeds its time."""

    def __call__(self, size: int, /) -> bytes: ...


class _Call(NamedTuple):
    head: bytes
    patches: bytes
    reads: tuple[Read, ...]


@dataclass(slots=True)
class Request:
    """System calls to make, in order. Memory is allocated from the arena, which each request uses anew."""

    at: int = ARENA
    _writes: list[tuple[int, bytes]] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)

    def room(self, size: int, align: int = 8) -> int:
        """The address of `size` bytes for the request; they are not cleared."""
        at = -(-self.at // align) * align
        if at + size > ARENA + ARENA_BYTES:
            raise GuestError("protocol", "The request needs more memory than a guest's arena has.")
        self.at = at + size
        return at

    def place(self, data: bytes, align: int = 8) -> int:
        """Stores `data`; returns its address."""
        at = self.room(max(1, len(data)), align)
        self.write(at, data)
        return at

    def text(self, text: str) -> int:
        """The address of a NUL-terminated string."""
        return self.place(text.encode() + b"\0", 1)

    def write(self, address: int, data: bytes) -> None:
        """Writes `data` to an address before the first call."""
        if data:
            self._writes.append((address, data))

    def call(
        self,
        number: int,
        *args: int | Slot,
        keep: int | None = None,
        stop: bool = False,
        patches: tuple[tuple[int, Slot], ...] = (),
        reads: tuple[Read, ...] = (),
    ) -> int:
        """Adds a system call; returns its index in the answer.

        keep -- slot for the result; stop -- whether the rest is skipped if it fails
        patches -- (address, slot): memory that gets the low 32 bits of a slot before the call
        """
        values = [0 if isinstance(arg, Slot) else arg & 0xFFFF_FFFF_FFFF_FFFF for arg in args] + [0] * (6 - len(args))
        patched = [(place, arg.number) for place, arg in enumerate(args) if isinstance(arg, Slot)]
        patched += [(address, slot.number) for address, slot in patches]
        if len(patched) > MAX_PATCHES:
            raise GuestError("protocol", "The program uses too many maps and functions for a guest's request.")
        head = struct.pack(
            "<Q6Q4I",
            number,
            *values,
            _NO_SLOT if keep is None else keep,
            _STOP if stop else 0,
            len(patched),
            len(reads),
        )
        self._calls.append(_Call(head, b"".join(struct.pack("<QQ", *patch) for patch in patched), reads))
        return len(self._calls) - 1

    def encode(self) -> bytes:
        """The bytes for the port."""
        out = [struct.pack("<3I", MAGIC, len(self._writes), len(self._calls))]
        for address, data in self._writes:
            out += [struct.pack("<QQ", address, len(data)), data]
        for call in self._calls:
            out += [call.head, call.patches]
            out += [struct.pack("<QII", read.address, read.size, read.kind) for read in call.reads]
        return b"".join(out)

    def decode(self, stream: Stream) -> list[Result]:
        """The answer, from the port."""
        out = []
        for call in self._calls:
            (value,) = struct.unpack("<q", stream(8))
            data = []
            for read in call.reads if value != SKIPPED else ():
                (size,) = struct.unpack("<I", stream(4))
                if size > read.size:
                    raise GuestError("protocol", "The guest answered more than it was asked for.")
                data.append(stream(size))
            out.append(Result(value, tuple(data)))
        return out
