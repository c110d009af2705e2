"""The BPF ring buffer (kernel/bpf/ringbuf.c). Nobody reads while the program runs, so it only fills up."""

from __future__ import annotations

from typing import Final

from vm.program import MapSpec
from vm.runner.maps.base import Map, Places

HEADER: Final = 8
BUSY_BIT: Final = 1 << 31
DISCARD_BIT: Final = 1 << 30
MAX_RECORD: Final = (1 << 32) // 4


class RingBuf(Map):
    """Positions only grow, as in the kernel; a record is an 8-byte header and its data."""

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self.size = spec.max_entries
        self.base = places.heap.alloc(self.size + HEADER, align=8)
        self.prod_pos = 0
        self.cons_pos = 0
        self.records: list[bytes] = []
        self._reserved: dict[int, int] = {}  # address of a record's data -> its size

    @classmethod
    def footprint(cls, spec: MapSpec) -> int:
        return cls.header + 64 + spec.max_entries + HEADER

    def reserve(self, size: int) -> int:
        """Address of `size` bytes, 0 if they do not fit."""
        length = (size + HEADER + 7) & -8
        if size >= MAX_RECORD or length > self.size or self.prod_pos + length - self.cons_pos > self.size:
            return 0
        header = self.base + self.prod_pos
        self.prod_pos += length
        self.memory.put(header, 4, size | BUSY_BIT)
        data = header + HEADER
        self._reserved[data] = size
        if size:
            self.memory.add(f"{self.name} record", data, size, one=f"a record of {self.name}")
        return data

    def reserved(self, address: int) -> int | None:
        """Bytes of the record reserved at `address`."""
        return self._reserved.get(address)

    def commit(self, address: int, *, discard: bool) -> bytes | None:
        """Submits or discards; the record's data if user space will see it."""
        size = self._reserved.pop(address)
        self.memory.put(address - HEADER, 4, size | (DISCARD_BIT if discard else 0))
        if discard:
            return None
        data = self.memory.read(address, size)
        self.records.append(data)
        return data

    def output(self, data: bytes) -> bool:
        """reserve, copy, submit; False if it does not fit."""
        address = self.reserve(len(data))
        if not address:
            return False
        self.memory.write(address, data)
        self.commit(address, discard=False)
        return True

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((b"", record) for record in self.records)
