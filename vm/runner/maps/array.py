"""Arrays: plain, per CPU, global data, of maps, of programs, of perf events (kernel/bpf/arraymap.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.kernel.errno import E2BIG, EEXIST, EINVAL, ENOENT
from vm.kernel.types import BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST
from vm.program import MapSpec
from vm.runner.layout import OFFSETS, SIZES, round8
from vm.runner.maps.base import Map, NoDelete, Places, bad_flags

MAX_SHOWN: Final = 16_384


def _index(key: bytes) -> int:
    return int.from_bytes(key[:4], "little")


class Array(NoDelete):
    """struct bpf_array with its values behind it, each rounded up to eight bytes."""

    header = SIZES["bpf_array"]

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self.elem_size = round8(spec.value_size)
        self._shown: tuple[bytes, tuple[tuple[bytes, bytes], ...]] | None = None
        self.values = self.address + OFFSETS["bpf_array.value"]
        self.memory.put(self.address + OFFSETS["bpf_array.elem_size"], 4, self.elem_size)
        mask = (1 << (spec.max_entries - 1).bit_length()) - 1 if spec.max_entries > 1 else 0
        self.memory.put(self.address + OFFSETS["bpf_array.index_mask"], 4, mask)
        self._place()

    def _place(self) -> None:
        spec = self.spec
        if spec.initial is not None:
            self.memory.write(self.values, spec.initial[: spec.value_size])
        single = spec.initial is not None and spec.max_entries == 1
        self.memory.add(
            self.name,
            self.values,
            self.elem_size * spec.max_entries if not single else spec.value_size,
            writable=not spec.frozen,
            one=f"{self.name}" if single else f"a value of {self.name}",
            stride=0 if single else self.elem_size,
            piece=spec.value_size,
        )

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header + round8(spec.value_size) * spec.max_entries

    def value_address(self, index: int) -> int:
        return self.values + index * self.elem_size

    def lookup(self, key: bytes) -> int:
        index = _index(key)
        return self.value_address(index) if index < self.spec.max_entries else 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        index = _index(key)
        if bad_flags(flags):
            return -EINVAL
        if index >= self.spec.max_entries:
            return -E2BIG
        if flags & BPF_NOEXIST:
            return -EEXIST
        if flags & BPF_F_LOCK and not self.has_lock:
            return -EINVAL
        self.memory.write(self.value_address(index), value[: self.spec.value_size])
        return 0

    def each(self) -> list[tuple[bytes, int]]:
        return [(i.to_bytes(4, "little"), self.value_address(i)) for i in range(self.spec.max_entries)]

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        """The first MAX_SHOWN elements. Runs after one another share what did not change."""
        count, step, size = min(self.spec.max_entries, MAX_SHOWN), self.elem_size, self.spec.value_size
        data = self.memory.read(self.value_address(0), count * step)
        before = self._shown
        if before is None or before[0] != data:
            old = before[1] if before else ((b"", b""),) * count
            values = [data[i * step : i * step + size] for i in range(count)]
            made = (
                old[i] if old[i][1] == value and old[i][0] else (i.to_bytes(4, "little"), value)
                for i, value in enumerate(values)
            )
            self._shown = before = data, tuple(made)
        return before[1]


class PercpuArray(Array):
    """pptrs in place of values; each points into the per-CPU area (the one CPU of a run)."""

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header + 8 * spec.max_entries

    @classmethod
    def percpu_footprint(cls, spec: MapSpec) -> int:
        return round8(spec.value_size) * spec.max_entries + 8

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return -EINVAL if flags > BPF_EXIST else super().update(key, value, flags)

    def _place(self) -> None:
        area = self.places.percpu
        size = self.elem_size * self.spec.max_entries
        start = area.alloc(size)
        assert start is not None  # percpu_footprint() sized the area
        self._start = start
        for i in range(self.spec.max_entries):
            self.memory.put(self.address + OFFSETS["bpf_array.pptrs"] + 8 * i, 8, self.value_address(i) - area.base)
        self.memory.add(self.name, start, size, stride=self.elem_size, piece=self.spec.value_size,
                        one=f"a value of {self.name}")  # fmt: skip

    def value_address(self, index: int) -> int:
        return self._start + index * self.elem_size


class ArrayOfMaps(Array):
    """Values are addresses of inner maps."""

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header + 8 * spec.max_entries

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)

    def _place(self) -> None:
        self.elem_size = 8
        self.memory.put(self.address + OFFSETS["bpf_array.elem_size"], 4, 8)
        self.memory.add(f"slots of {self.name}", self.values, 8 * self.spec.max_entries, writable=False)

    def start(self, inner: Callable[[int], Map]) -> None:
        for slot, target in self.spec.init_slots:
            if isinstance(target, int) and slot < self.spec.max_entries:
                self.hold(slot.to_bytes(4, "little"), inner(target))

    def hold(self, key: bytes, inner: Map) -> int:
        """An inner map is put in by user space; 0, or a negative error."""
        if _index(key) >= self.spec.max_entries:
            return -E2BIG
        self.memory.put(self.values + 8 * _index(key), 8, inner.address)
        return 0

    def lookup(self, key: bytes) -> int:
        index = _index(key)
        return self.memory.u64(self.values + 8 * index) if index < self.spec.max_entries else 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        raise self._none("update")

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        return _slot_entries(self, lambda address: self.places.by_address[address].index + 1)


class ProgArray(Array):
    """Slots hold struct bpf_prog; a program can only be jumped to."""

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header + 8 * spec.max_entries

    def _place(self) -> None:
        self.elem_size = 8
        self.ids: dict[int, int] = {}
        self.memory.add(f"slots of {self.name}", self.values, 8 * self.spec.max_entries, writable=False)

    def put(self, slot: int, prog_address: int, prog_id: int) -> None:
        """As user space's BPF_MAP_UPDATE_ELEM with a program."""
        if slot < self.spec.max_entries:
            self.memory.put(self.values + 8 * slot, 8, prog_address)
            self.ids[prog_address] = prog_id

    def lookup(self, key: bytes) -> int:
        return 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return -EINVAL

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        return _slot_entries(self, lambda address: self.ids.get(address, 0))


class PerfEventArray(Array):
    """User space has opened one event on every CPU, as libbpf's perf_buffer does."""

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header + 8 * spec.max_entries

    def _place(self) -> None:
        self.elem_size = 8

    def check_index(self, index: int) -> int:
        """0, or what bpf_perf_event_output returns for a slot without an event of this CPU."""
        if index >= self.spec.max_entries:
            return -E2BIG
        return 0 if index == 0 else -ENOENT

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return -EINVAL

    def lookup(self, key: bytes) -> int:
        return 0

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        return ()


def _slot_entries(array: Array, number: object) -> tuple[tuple[bytes, bytes], ...]:
    assert callable(number)
    found = []
    for i in range(array.spec.max_entries):
        address = array.memory.u64(array.values + 8 * i)
        if address:
            found.append((i.to_bytes(4, "little"), int(number(address)).to_bytes(4, "little")))
    return tuple(found)
