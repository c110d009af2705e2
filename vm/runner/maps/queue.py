"""Queues and stacks (kernel/bpf/queue_stack_maps.c) and Bloom filters (bloom_filter.c)."""

from __future__ import annotations

from vm.kernel.errno import E2BIG, EINVAL, ENOENT
from vm.kernel.types import BPF_EXIST, BPF_NOEXIST
from vm.program import MapSpec
from vm.runner.maps.base import Map, Places


class Queue(Map):
    """First in, first out; with BPF_EXIST a full one drops its oldest value."""

    newest_first = False

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self._values: list[bytes] = []

    def push(self, value: bytes, flags: int) -> int:
        if flags & BPF_NOEXIST or flags > BPF_EXIST:
            return -EINVAL
        if len(self._values) >= self.spec.max_entries:
            if not flags & BPF_EXIST:
                return -E2BIG
            del self._values[0]
        self._values.append(value[: self.spec.value_size])
        return 0

    def peek(self) -> tuple[int, bytes]:
        if not self._values:
            return -ENOENT, bytes(self.spec.value_size)
        return 0, self._values[-1 if self.newest_first else 0]

    def pop(self) -> tuple[int, bytes]:
        error, value = self.peek()
        if not error:
            del self._values[-1 if self.newest_first else 0]
        return error, value

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        values = reversed(self._values) if self.newest_first else iter(self._values)
        return tuple((b"", value) for value in values)


class Stack(Queue):
    """Last in, first out."""

    newest_first = True


class BloomFilter(Map):
    """push adds a value, peek tests for one. The kernel's answer may be a false positive; here it is exact."""

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self._values: dict[bytes, None] = {}

    def push(self, value: bytes, flags: int) -> int:
        if flags:
            return -EINVAL
        self._values[value[: self.spec.value_size]] = None
        return 0

    def has(self, value: bytes) -> int:
        """0 or -ENOENT, as bpf_map_peek_elem."""
        return 0 if value[: self.spec.value_size] in self._values else -ENOENT
