"""Which element an LRU hash gives away: the kernel's two lists and reference bits (kernel/bpf/bpf_lru_list.c).

A node is used, then pending on its CPU's list, then active or inactive; a set reference bit is a
second chance. New nodes are fetched in batches, so a small full table loses several old
elements at once. That surprises people, and it is what the kernel does. One CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BATCH: Final = 128
PERCPU_BATCH: Final = 4

# A list is a dict used as an ordered set: its end is the kernel's list head (newest), its start the tail.
_List = dict[int, None]


class Lru:
    """take() gives an element that is free (evicting if need be), give() takes one back.

    make  -- makes a new element, asked at most `size` times
    evict -- removes an element from the table; False if it is not in it
    """

    def __init__(
        self,
        size: int,
        *,
        percpu: bool,
        is_ref: Callable[[int], bool],
        clear_ref: Callable[[int], None],
        make: Callable[[], int],
        evict: Callable[[int], bool],
    ) -> None:
        self._unmade = size
        self._percpu = percpu
        self._is_ref = is_ref
        self._clear = clear_ref
        self._make = make
        self._evict = evict
        self._scans = PERCPU_BATCH if percpu else BATCH
        self._batch = min(max(size // 2, 1), BATCH)
        self._free: list[int] = []  # the global free list, last is next
        self._local_free: list[int] = []
        self._pending: _List = {}
        self._active: _List = {}
        self._inactive: _List = {}
        self._cursor: int | None = None  # where the next look at the inactive list starts

    def take(self) -> int:
        """An element, or 0 when every one is in use and none can be evicted."""
        if self._percpu:
            return self._take_percpu()
        if not self._local_free:
            self._refill()
        node = self._local_free.pop() if self._local_free else self._steal()
        if node:
            self._clear(node)
            self._pending[node] = None
        return node

    def give(self, node: int) -> None:
        """The table no longer holds `node`."""
        self._clear(node)
        if node in self._pending:
            del self._pending[node]
            self._local_free.append(node)
            return
        self._unlink(node)
        self._free.append(node)

    # -- one shared list (the default) ------------------------------------------------------------

    def _refill(self) -> None:
        for node in list(self._pending):
            target = self._active if self._is_ref(node) else self._inactive
            self._clear(node)
            target[node] = None
        self._pending.clear()
        self._rotate()
        fetched = 0
        while fetched < self._batch:
            node = self._pop_free()
            if not node:
                break
            self._local_free.append(node)
            fetched += 1
        if fetched < self._batch:
            self._shrink(self._batch - fetched, self._local_free)

    def _steal(self) -> int:
        for forced in (False, True):
            for node in self._pending:
                if (forced or not self._is_ref(node)) and self._evict(node):
                    del self._pending[node]
                    return node
        return 0

    # -- a list of its own for each CPU (BPF_F_NO_COMMON_LRU) --------------------------------------

    def _take_percpu(self) -> int:
        self._rotate()
        node = self._pop_free()
        if not node:
            self._shrink(PERCPU_BATCH, self._free)
            node = self._pop_free()
        if node:
            self._clear(node)
            self._inactive[node] = None
        return node

    # -- the two lists ----------------------------------------------------------------------------

    def _pop_free(self) -> int:
        if self._free:
            return self._free.pop()
        if self._unmade:
            self._unmade -= 1
            return self._make()
        return 0

    def _unlink(self, node: int) -> None:
        if node in self._inactive:
            if node == self._cursor:
                self._cursor = self._following(node)
            del self._inactive[node]
        else:
            self._active.pop(node, None)

    def _following(self, node: int) -> int | None:
        """The next newer node of the inactive list, None at its head."""
        order = list(self._inactive)
        at = order.index(node) + 1
        return order[at] if at < len(order) else None

    def _move(self, node: int, target: _List) -> None:
        self._unlink(node)
        self._clear(node)
        target[node] = None

    def _rotate(self) -> None:
        if len(self._inactive) < len(self._active):
            for node in list(self._active)[: self._scans]:
                self._move(node, self._active if self._is_ref(node) else self._inactive)
        order = list(self._inactive)
        if not order:
            return
        start = order.index(self._cursor) if self._cursor in self._inactive else 0
        looked = (order[start:] + order[:start])[: self._scans]
        after = (start + len(looked)) % len(order)
        self._cursor = order[after] if len(looked) < len(order) else order[start]
        for node in looked:
            if self._is_ref(node):
                self._move(node, self._active)

    def _shrink(self, wanted: int, into: list[int]) -> None:
        gone: list[int] = []
        for node in list(self._inactive)[: self._scans]:
            if self._is_ref(node):
                self._move(node, self._active)
            elif self._evict(node):
                self._unlink(node)
                gone.append(node)
                if len(gone) == wanted:
                    break
        if not gone:
            for node in list(self._inactive or self._active):
                if self._evict(node):
                    self._unlink(node)
                    gone.append(node)
                    break
        into.extend(gone)
