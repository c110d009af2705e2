"""Ring buffers and perf buffers of a guest, read through their mapped pages as libbpf reads them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.wire import GuestError, Read, Request, Slot

_PAGE: Final = 4096
_PIECE: Final = 1 << 20
_BUSY: Final = 1 << 31
_DISCARDED: Final = 1 << 30
_HEAD: Final = 1024
_PERF_PAGES: Final = 64
_SAMPLE: Final = 9
_LOST: Final = 2
_ALL: Final = 0xFFFF_FFFF_FFFF_FFFF


@dataclass
class RingBuffer:
    """A map of type ringbuf. size -- bytes of its data, a power of two."""

    name: str
    size: int
    consumer: int
    producer: int
    at: int = 0

    @classmethod
    def open(cls, machine: Machine, name: str, slot: Slot, size: int) -> RingBuffer:
        """Map its pages; GuestError if the kernel refuses."""
        request = Request()
        request.call(l.MMAP, 0, _PAGE, 3, 1, slot, 0)
        request.call(l.MMAP, 0, _PAGE + 2 * size, 1, 1, slot, _PAGE)
        places = [result.value for result in machine.run(request)]
        if any(-4096 < place < 0 for place in places):
            raise GuestError("protocol", f"The ring buffer '{name}' could not be mapped.")
        return cls(name, size, *places)

    def ask(self, request: Request) -> int:
        """Adds a call that reads the producer position; returns its number."""
        return request.call(l.CLOSE, _ALL, reads=(Read(self.producer, 8),))

    def take(self, machine: Machine, head: bytes) -> tuple[list[bytes], int]:
        """The records up to a position, and how many were lost (a ring buffer counts none)."""
        (end,) = struct.unpack("<Q", head)
        size = min(end - self.at, self.size, _PIECE)
        if size <= 0:
            return [], 0
        request = Request()
        start = self.producer + _PAGE + self.at % self.size
        request.call(l.CLOSE, _ALL, reads=(Read(start, size),))
        data = machine.run(request)[0].data[0]
        out, pos = [], 0
        while pos + 8 <= len(data):
            (word,) = struct.unpack_from("<I", data, pos)
            length = word & ~(_BUSY | _DISCARDED)
            step = (length + 8 + 7) & ~7
            if word & _BUSY or pos + step > len(data):
                break
            if not word & _DISCARDED:
                out.append(data[pos + 8 : pos + 8 + length])
            pos += step
        self.at += pos
        request = Request()
        request.write(self.consumer, struct.pack("<Q", self.at))
        machine.run(request)
        return out, 0


@dataclass
class PerfBuffer:
    """The buffer of a perf event array; only one, because guests have one processor."""

    name: str
    base: int
    at: int = 0

    @classmethod
    def open(cls, machine: Machine, name: str, slot: Slot, event: Slot) -> PerfBuffer:
        """Open the event, put it into the array and map its pages; GuestError if the kernel refuses."""
        attr = struct.pack("<IIQQQQQII", 1, 128, 10, 1, 1 << 10, 0, 0, 1, 0).ljust(128, b"\0")
        request = Request()
        request.call(l.PERF_EVENT_OPEN, request.place(attr), _ALL, 0, _ALL, 8, keep=event.number, stop=True)
        mapped = request.call(l.MMAP, 0, _PAGE * (_PERF_PAGES + 1), 3, 1, event, 0, stop=True)
        at, value = request.room(l.ATTR_BYTES), request.place(bytes(8))
        update = l.Attr().u64(8, request.place(bytes(4))).u64(16, value)
        request.write(at, bytes(update.data))
        request.call(l.BPF, l.MAP_UPDATE_ELEM, at, 32, stop=True, patches=((at, slot), (value, event)))
        request.call(l.IOCTL, event, 0x2400, 0, stop=True)
        results = machine.run(request)
        if any(result.skipped or -4096 < result.value < 0 for result in results):
            raise GuestError("protocol", f"The perf buffer '{name}' could not be opened.")
        return cls(name, results[mapped].value)

    def ask(self, request: Request) -> int:
        """Adds a call that reads the producer position; returns its number."""
        return request.call(l.CLOSE, _ALL, reads=(Read(self.base + _HEAD, 8),))

    def take(self, machine: Machine, head: bytes) -> tuple[list[bytes], int]:
        """The records up to a position, and how many the kernel lost."""
        (end,) = struct.unpack("<Q", head)
        size = _PAGE * _PERF_PAGES
        wanted = min(end - self.at, size)
        if wanted <= 0:
            return [], 0
        first = min(wanted, size - self.at % size)
        start = self.base + _PAGE
        request = Request()
        pieces = [Read(start + self.at % size, first)] + ([Read(start, wanted - first)] if wanted > first else [])
        request.call(l.CLOSE, _ALL, reads=tuple(pieces))
        data = b"".join(machine.run(request)[0].data)
        out, lost, pos = [], 0, 0
        while pos + 8 <= len(data):
            kind, _misc, length = struct.unpack_from("<IHH", data, pos)
            if length < 8 or pos + length > len(data):
                break
            if kind == _SAMPLE and length >= 12:
                (count,) = struct.unpack_from("<I", data, pos + 8)
                out.append(data[pos + 12 : pos + 12 + min(count, length - 12)])
            elif kind == _LOST and length >= 24:
                lost += struct.unpack_from("<Q", data, pos + 16)[0]
            pos += length
        self.at += pos
        request = Request()
        request.write(self.base + _HEAD + 8, struct.pack("<Q", self.at))
        machine.run(request)
        return out, lost
