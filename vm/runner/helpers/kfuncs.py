"""The few kernel functions (kfuncs) programs of every type use: numeric iterators, RCU and preemption marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.kernel.errno import E2BIG, EINVAL
from vm.runner.helpers.base import Helper, s32
from vm.runner.helpers.system import MAX_LOOPS

if TYPE_CHECKING:
    from vm.runner.world import World


def iter_num_new(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """bpf_iter_num_new(it, start, end): struct bpf_iter_num_kern is {int cur, end}."""
    start, end = s32(r2), s32(r3)
    w.memory.check(r1, 8, write=True)
    w.memory.put(r1, 8, 0)
    if start > end:
        return -EINVAL
    if end - start > MAX_LOOPS:
        return -E2BIG
    w.memory.put(r1, 4, start - 1)
    w.memory.put(r1 + 4, 4, end)
    return 0


def iter_num_next(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    current, end = s32(w.memory.get(r1, 4)), s32(w.memory.get(r1 + 4, 4))
    if s32(current + 1) >= end:
        w.memory.put(r1, 8, 0)
        return 0
    w.memory.put(r1, 4, current + 1)
    return r1


def iter_num_destroy(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    w.memory.check(r1, 8, write=True)
    w.memory.put(r1, 8, 0)
    return 0


def nothing(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """Marks that change nothing where there is one CPU and no preemption."""
    return 0


KFUNCS: Final[dict[str, Helper]] = {
    "bpf_iter_num_new": iter_num_new,
    "bpf_iter_num_next": iter_num_next,
    "bpf_iter_num_destroy": iter_num_destroy,
    "bpf_rcu_read_lock": nothing,
    "bpf_rcu_read_unlock": nothing,
    "bpf_preempt_disable": nothing,
    "bpf_preempt_enable": nothing,
}
