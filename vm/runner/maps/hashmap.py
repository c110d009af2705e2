"""Hash tables: plain, per CPU, LRU, of maps (kernel/bpf/hashtab.c).

Elements are struct htab_elem with key and value behind, as inlined lookups expect. Buckets are
not modelled: the kernel hashes with a random seed, so its order means nothing. Here elements keep
the order they were inserted in, for showing and for bpf_for_each_map_elem.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from vm.kernel.errno import E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM
from vm.kernel.types import BPF_EXIST, BPF_F_LOCK, BPF_F_NO_COMMON_LRU, BPF_NOEXIST
from vm.program import MapSpec
from vm.runner.layout import OFFSETS, round8
from vm.runner.maps.array import MAX_SHOWN
from vm.runner.maps.base import Map, Places, bad_flags
from vm.runner.maps.lru import Lru

_KEY: Final = OFFSETS["htab_elem.key"]
_REF: Final = OFFSETS["htab_elem.lru_node.ref"]


class Hash(Map):
    """key -> element address; a freed element's memory goes to the next insertion, as in a preallocated table."""

    lru = False

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self.elems: dict[bytes, int] = {}
        self.keys: dict[int, bytes] = {}  # element -> last key it had
        self.value_off = _KEY + round8(spec.key_size)
        self.elem_size = self.value_off + self.stored_size(spec)
        self._free: list[int] = []

    @classmethod
    def stored_size(cls, spec: MapSpec) -> int:
        """Bytes behind the key."""
        return round8(spec.value_size)

    @classmethod
    def footprint(cls, spec: MapSpec) -> int:
        # One more element than entries: an update takes a new one before it gives the old one back.
        return cls.header + 64 + (spec.max_entries + 1) * (_KEY + round8(spec.key_size) + cls.stored_size(spec))

    # -- elements -------------------------------------------------------------------------------

    def _element(self) -> int:
        if self._free:
            return self._free.pop()
        elem = self.places.heap.alloc(self.elem_size)
        self.memory.add(
            lambda: self._label(elem),
            elem + self.value_off,
            self.spec.value_size,
            one=f"a value of {self.name}",
        )
        return elem

    def _label(self, elem: int) -> str:
        key = self.keys.get(elem, b"")
        shown = str(int.from_bytes(key, "little")) if len(key) in (1, 2, 4, 8) else key.hex()
        return f"{self.name}[{shown}]"

    def value_address(self, elem: int) -> int:
        return elem + self.value_off

    def find(self, key: bytes) -> int:
        """The element of `key`, 0 without one (__htab_map_lookup_elem)."""
        return self.elems.get(key[: self.spec.key_size], 0)

    # -- operations -----------------------------------------------------------------------------

    def lookup(self, key: bytes) -> int:
        elem = self.find(key)
        if elem and self.lru:
            self.memory.put(elem + _REF, 1, 1)
        return self.value_address(elem) if elem else 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        if bad_flags(flags) or (flags & BPF_F_LOCK and not self.has_lock):
            return -EINVAL
        key = key[: self.spec.key_size]
        old = self.elems.get(key, 0)
        if old and flags & BPF_NOEXIST:
            return -EEXIST
        if not old and flags & BPF_EXIST:
            return -ENOENT
        elem = self._take(key, old)
        if elem < 0:
            return elem
        self._set(elem, key, value)
        if elem != old:
            # A replaced element keeps its place in the order shown.
            self.elems[key] = elem
            if old:
                self._give(old)
        return 0

    def _take(self, key: bytes, old: int) -> int:
        """An element for `key`, or a negative errno."""
        if not old and len(self.elems) >= self.spec.max_entries:
            return -E2BIG
        return self._element()

    def _give(self, elem: int) -> None:
        self._free.append(elem)

    def _set(self, elem: int, key: bytes, value: bytes) -> None:
        self.keys[elem] = key
        self.memory.write(elem + _KEY, key)
        self.memory.write(self.value_address(elem), value[: self.spec.value_size])

    def delete(self, key: bytes) -> int:
        elem = self.elems.pop(key[: self.spec.key_size], 0)
        if not elem:
            return -ENOENT
        self._give(elem)
        return 0

    def each(self) -> list[tuple[bytes, int]]:
        return [(key, self.value_address(elem)) for key, elem in self.elems.items()]

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        shown = islice(self.elems.items(), MAX_SHOWN)
        size = self.spec.value_size
        return tuple((key, self.memory.read(self.value_address(elem), size)) for key, elem in shown)


class PercpuHash(Hash):
    """Elements hold a per-CPU pointer; the value lies in the per-CPU area and is zeroed for a new key."""

    @classmethod
    def stored_size(cls, spec: MapSpec) -> int:
        return 8

    @classmethod
    def percpu_footprint(cls, spec: MapSpec) -> int:
        return round8(spec.value_size) * (spec.max_entries + 1) + 8

    def _element(self) -> int:
        if self._free:
            return self._free.pop()
        elem = self.places.heap.alloc(self.elem_size)
        value = self.places.percpu.alloc(self.spec.value_size)
        assert value is not None  # percpu_footprint() sized the area
        self.memory.put(elem + self.value_off, 8, value - self.places.percpu.base)
        self.memory.add(lambda: self._label(elem), value, self.spec.value_size, one=f"a value of {self.name}")
        return elem

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return -EINVAL if flags > BPF_EXIST else super().update(key, value, flags)

    def _take(self, key: bytes, old: int) -> int:
        return old or super()._take(key, old)  # per-CPU values are updated in place

    def value_address(self, elem: int) -> int:
        return self.places.percpu.base + self.memory.u64(elem + self.value_off)


class _LruMixin(Hash):
    """A full table evicts; which element goes is the kernel's approximation of least recently used."""

    lru = True

    def __init__(self, spec: MapSpec, index: int, places: Places) -> None:
        super().__init__(spec, index, places)
        self._lru: Lru | None = None

    def _policy(self) -> Lru:
        if self._lru is None:
            self._lru = Lru(
                self.spec.max_entries,
                percpu=bool(self.spec.map_flags & BPF_F_NO_COMMON_LRU),
                is_ref=lambda elem: self.memory.get(elem + _REF, 1) != 0,
                clear_ref=lambda elem: self.memory.put(elem + _REF, 1, 0),
                make=self._element,
                evict=self._evict,
            )
        return self._lru

    def _evict(self, elem: int) -> bool:
        key = self.keys[elem]
        if self.elems.get(key) != elem:
            return False
        del self.elems[key]
        return True

    def _take(self, key: bytes, old: int) -> int:
        elem = self._policy().take()
        return elem if elem else -ENOMEM

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        """The kernel takes a new element first, so that eviction can hit the very key being updated."""
        if flags > BPF_EXIST:
            return -EINVAL
        key = key[: self.spec.key_size]
        elem = self._take(key, 0)
        if elem < 0:
            return elem
        self._set(elem, key, value)
        old = self.elems.get(key, 0)
        error = -EEXIST if old and flags & BPF_NOEXIST else -ENOENT if not old and flags & BPF_EXIST else 0
        if error:
            self._give(elem)
            return error
        self.elems[key] = elem
        if old:
            self.memory.put(elem + _REF, 1, 1)
            self._give(old)
        return 0

    def _give(self, elem: int) -> None:
        self._policy().give(elem)


class LruHash(_LruMixin):
    """BPF_MAP_TYPE_LRU_HASH."""


class LruPercpuHash(_LruMixin, PercpuHash):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH: an existing key is updated in place and marked used."""

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        if flags > BPF_EXIST:
            return -EINVAL
        key = key[: self.spec.key_size]
        fresh = self._take(key, 0) if flags != BPF_EXIST else 0
        if fresh < 0:
            return fresh
        old = self.elems.get(key, 0)
        error = -EEXIST if old and flags & BPF_NOEXIST else -ENOENT if not old and flags & BPF_EXIST else 0
        if not error and old:
            self.memory.put(old + _REF, 1, 1)
            self._set(old, key, value)
        elif not error:
            self._set(fresh, key, value)
            self.elems[key] = fresh
            return 0
        if fresh:
            self._give(fresh)
        return error


class HashOfMaps(Hash):
    """Values are addresses of inner maps; a lookup gives the inner map itself."""

    @classmethod
    def stored_size(cls, spec: MapSpec) -> int:
        return 8

    def _element(self) -> int:
        elem = self.places.heap.alloc(self.elem_size)
        self.memory.add(lambda: self._label(elem), elem + self.value_off, 8, writable=False)
        return elem

    def start(self, inner: Callable[[int], Map]) -> None:
        for slot, target in self.spec.init_slots:
            if isinstance(target, int):
                self.hold(slot.to_bytes(max(self.spec.key_size, 8), "little")[: self.spec.key_size], inner(target))

    def hold(self, key: bytes, inner: Map) -> int:
        """An inner map is put in by user space; 0, or a negative error."""
        if key not in self.elems and len(self.elems) >= self.spec.max_entries:
            return -E2BIG
        elem = self.elems[key] if key in self.elems else self._element()
        self.keys[elem] = key
        self.memory.write(elem + _KEY, key)
        self.memory.put(elem + self.value_off, 8, inner.address)
        self.elems[key] = elem
        return 0

    def lookup(self, key: bytes) -> int:
        elem = self.find(key)
        return self.memory.u64(elem + self.value_off) if elem else 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        raise self._none("update")

    def each(self) -> list[tuple[bytes, int]]:
        raise self._none("for_each")

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        inner = self.places.by_address
        return tuple(
            (key, (inner[self.memory.u64(elem + self.value_off)].index + 1).to_bytes(4, "little"))
            for key, elem in self.elems.items()
        )
