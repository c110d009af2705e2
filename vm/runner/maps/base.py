"""What every map has: a struct bpf_map in memory, operations, and a way to show its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vm.errors import NotEmulated
from vm.kernel.errno import EINVAL
from vm.kernel.names import map_type_name
from vm.kernel.types import BPF_EXIST, BPF_F_LOCK
from vm.program import MapSpec
from vm.runner.layout import OFFSETS

if TYPE_CHECKING:
    from vm.runner.memory import Arena, Heap, Memory

# Flags of BPF_MAP_UPDATE_ELEM and of maps (include/uapi/linux/bpf.h).


class Places:
    """Where maps are made: the heap for kernel objects, the per-CPU area, and maps already there by address."""

    def __init__(self, heap: Heap, percpu: Arena) -> None:
        self.heap = heap
        self.memory: Memory = heap.memory
        self.percpu = percpu
        self.by_address: dict[int, Map] = {}


class Map:
    """One map. Keys and values are bytes of the spec's sizes; addresses are 0 for NULL; errors negative errno.

    An operation its type does not have returns -EOPNOTSUPP in the kernel before its verifier ever lets a
    program call it; here it is NotEmulated where no behaviour is written.
    """

    header = 248  # bytes of the structure that starts with struct bpf_map
    has_lock = False  # the value holds a struct bpf_spin_lock

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        self.spec = spec
        self.index = index
        self.name = spec.full_name or spec.name or f"map{index}"
        self.places = places
        self.memory = places.memory
        self.address = places.heap.alloc(self.struct_size(spec), align=64)
        places.by_address[self.address] = self
        for field, value in (
            ("map_type", spec.map_type),
            ("key_size", spec.key_size),
            ("value_size", spec.value_size),
            ("max_entries", spec.max_entries),
            ("map_flags", spec.map_flags),
            ("id", index + 1),
        ):
            self.memory.put(self.address + OFFSETS[f"bpf_map.{field}"], 4, value)
        self.memory.write(self.address + OFFSETS["bpf_map.name"], spec.name.encode()[:15])
        self.memory.add(f"map {self.name}", self.address, self.header, writable=False)

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        """Bytes of the kernel structure, with what lies directly behind it."""
        return cls.header

    @classmethod
    def footprint(cls, spec: MapSpec) -> int:
        """Heap bytes the map can come to need."""
        return cls.struct_size(spec) + 64

    @classmethod
    def percpu_footprint(cls, spec: MapSpec) -> int:
        """Bytes it can need in the per-CPU area."""
        return 0

    def start(self, inner: Callable[[int], Map]) -> None:
        """Static initialisation, once every map exists; inner(n) is the object's map number n."""

    def lookup(self, key: bytes) -> int:
        raise self._none("lookup")

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        raise self._none("update")

    def delete(self, key: bytes) -> int:
        raise self._none("delete")

    def push(self, value: bytes, flags: int) -> int:
        raise self._none("push")

    def pop(self) -> tuple[int, bytes]:
        raise self._none("pop")

    def peek(self) -> tuple[int, bytes]:
        raise self._none("peek")

    def each(self) -> list[tuple[bytes, int]]:
        """(key, address of the value), as bpf_for_each_map_elem goes through them."""
        raise self._none("for_each")

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        """What a person sees; empty for maps without readable content."""
        return ()

    def _none(self, operation: str) -> NotEmulated:
        kind = map_type_name(self.spec.map_type)
        return NotEmulated(f"{operation} on the {kind} map {self.name}", kind="map", name=kind)


def bad_flags(flags: int) -> bool:
    """Flags other than ANY, NOEXIST, EXIST and LOCK."""
    return (flags & ~BPF_F_LOCK) > BPF_EXIST


class Opaque(Map):
    """A map whose type is not emulated: it is there and has an address; using it says so."""


class NoDelete(Map):
    """Maps whose elements always exist."""

    def delete(self, key: bytes) -> int:
        return -EINVAL
