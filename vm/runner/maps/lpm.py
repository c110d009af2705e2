"""Longest-prefix match (kernel/bpf/lpm_trie.c): keys are a 32-bit prefix length and the data."""

from __future__ import annotations

from vm.kernel.errno import EEXIST, EINVAL, ENOENT, ENOSPC
from vm.kernel.types import BPF_EXIST, BPF_NOEXIST
from vm.program import MapSpec
from vm.runner.layout import round8
from vm.runner.maps.base import Map, Places


class LpmTrie(Map):
    """Prefixes by (length, leading bits); a lookup tries lengths from the longest down."""

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self._bits = 8 * (spec.key_size - 4)
        self._nodes: dict[tuple[int, int], tuple[bytes, int]] = {}  # -> key as given, address of the value

    @classmethod
    def footprint(cls, spec: MapSpec) -> int:
        return cls.header + 64 + round8(spec.value_size) * (spec.max_entries + 1)

    def _split(self, key: bytes) -> tuple[int, int]:
        length = int.from_bytes(key[:4], "little")
        return length, int.from_bytes(key[4 : self.spec.key_size], "big")

    def _prefix(self, length: int, data: int) -> tuple[int, int]:
        return length, data >> (self._bits - length)

    def lookup(self, key: bytes) -> int:
        length, data = self._split(key)
        if length > self._bits:
            return 0
        for shorter in range(length, -1, -1):
            node = self._nodes.get(self._prefix(shorter, data))
            if node:
                return node[1]
        return 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        length, data = self._split(key)
        if flags > BPF_EXIST or length > self._bits:
            return -EINVAL
        prefix = self._prefix(length, data)
        old = self._nodes.get(prefix)
        if old and flags == BPF_NOEXIST:
            return -EEXIST
        if not old and flags == BPF_EXIST:
            return -ENOENT
        if not old and len(self._nodes) >= self.spec.max_entries:
            return -ENOSPC
        if old:
            address = old[1]
        else:
            address = self.places.heap.alloc(self.spec.value_size)
            self.memory.add(self._label(prefix), address, self.spec.value_size, one=f"a value of {self.name}")
        self.memory.write(address, value[: self.spec.value_size])
        self._nodes[prefix] = (key[: self.spec.key_size], address)
        return 0

    def _label(self, prefix: tuple[int, int]) -> str:
        length, bits = prefix
        shown = bits << (self._bits - length)
        return f"{self.name}[{shown.to_bytes(self._bits // 8, 'big').hex()}/{length}]"

    def delete(self, key: bytes) -> int:
        length, data = self._split(key)
        if length > self._bits:
            return -EINVAL
        node = self._nodes.pop(self._prefix(length, data), None)
        if node is None:
            return -ENOENT
        # The value's memory is not reused: the program may hold its address until it ends.
        return 0

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        size = self.spec.value_size
        return tuple((key, self.memory.read(address, size)) for key, address in self._nodes.values())
