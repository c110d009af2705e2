"""Helpers about time, CPU, task, and control flow (kernel/bpf/helpers.c, kernel/trace/bpf_trace.c)."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from vm.kernel.errno import E2BIG, EFAULT, EINVAL, ERANGE
from vm.runner.helpers.base import Call, Helper, u32
from vm.runner.memory import USER_BASE

if TYPE_CHECKING:
    from vm.runner.world import World

HZ: Final = 250
TAI_OFFSET_NS: Final = 37_000_000_000
MAX_LOOPS: Final = 8 << 20
USER_END: Final = 1 << 47


def ktime_get_ns(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.now()


def ktime_get_coarse_ns(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The time of the last tick."""
    tick = 1_000_000_000 // HZ
    return w.now() // tick * tick


def ktime_get_tai_ns(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.now() + TAI_OFFSET_NS


def jiffies64(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.jiffies()


def get_prandom_u32(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.random_u32()


def zero(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """CPU number, NUMA node: a run has one CPU, number 0."""
    return 0


def get_current_pid_tgid(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.current.tgid << 32 | w.current.pid


def get_current_uid_gid(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.current.gid << 32 | w.current.uid


def get_current_comm(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    size = u32(r2)
    if size:
        w.memory.check(r1, size, write=True)
        w.memory.fill(r1, size)
        w.memory.write(r1, w.current.comm.encode()[: min(size, 16) - 1])
    return 0


def get_current_task(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return w.task_address()


def loop(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int | Generator[Call, int, int]:
    """bpf_loop(nr_loops, callback, ctx, flags)."""
    count = u32(r1)
    if r4:
        return -EINVAL
    if count > MAX_LOOPS:
        return -E2BIG
    return _loop(count, r2, r3)


def _loop(count: int, callback: int, ctx: int) -> Generator[Call, int, int]:
    for i in range(count):
        if (yield Call(callback, (i, ctx, 0, 0, 0))):
            return i + 1
    return count


def spin_lock(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """One CPU: the lock is always free."""
    w.memory.check(r1, 4, write=True)
    w.memory.put(r1, 4, 1)
    return 0


def spin_unlock(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    w.memory.check(r1, 4, write=True)
    w.memory.put(r1, 4, 0)
    return 0


# -- reading memory that may not be there -------------------------------------------------------------


def _readable(w: World, address: int, size: int, user: bool | None) -> int:
    """0, or the error: kernel addresses are checked by range first (copy_from_kernel_nofault_allowed)."""
    if user is False and not _kernel_address(address):
        return -ERANGE
    if user and address >= USER_END:
        return -EFAULT
    return 0 if w.memory.arena_at(address, size) is not None else -EFAULT


def _kernel_address(address: int) -> bool:
    """Canonical and in the upper half (five-level page tables)."""
    return address >> 56 == 0xFF


def _probe(w: World, r1: int, r2: int, r3: int, user: bool | None) -> int:
    size = u32(r2)
    w.memory.check(r1, max(size, 1), write=True)
    if not size:
        return 0
    error = _readable(w, r3, size, user)
    if error:
        w.memory.fill(r1, size)
        return error
    w.memory.write(r1, w.memory.read(r3, size))
    return 0


def _probe_str(w: World, r1: int, r2: int, r3: int, user: bool | None) -> int:
    """Bytes copied with the NUL; a longer string is cut and still ends in NUL."""
    size = u32(r2)
    if not size:
        return 0
    w.memory.check(r1, size, write=True)
    arena, error = w.memory.arena_at(r3), _readable(w, r3, 1, user)
    if arena is None or error:
        w.memory.fill(r1, size)
        return error
    data = w.memory.read(r3, min(size, arena.end - r3))
    end = data.find(0)
    text = data[: size - 1] if end < 0 else data[:end]
    w.memory.write(r1, text + b"\0")
    return len(text) + 1


def probe_read(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe(w, r1, r2, r3, None)


def probe_read_kernel(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe(w, r1, r2, r3, False)


def probe_read_user(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe(w, r1, r2, r3, True)


def probe_read_str(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe_str(w, r1, r2, r3, None)


def probe_read_kernel_str(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe_str(w, r1, r2, r3, False)


def probe_read_user_str(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe_str(w, r1, r2, r3, True)


def copy_from_user(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _probe(w, r1, r2, r3, True)


def probe_write_user(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    size = u32(r3)
    data = w.memory.load_bytes(r2, size)
    if not USER_BASE <= r1 < USER_END or w.memory.arena_at(r1, size) is None:
        return -EFAULT
    w.memory.write(r1, data)
    return 0


HELPERS: Final[dict[str, Helper]] = {
    "ktime_get_ns": ktime_get_ns,
    "ktime_get_boot_ns": ktime_get_ns,
    "ktime_get_coarse_ns": ktime_get_coarse_ns,
    "ktime_get_tai_ns": ktime_get_tai_ns,
    "jiffies64": jiffies64,
    "get_prandom_u32": get_prandom_u32,
    "user_rnd_u32": get_prandom_u32,
    "get_smp_processor_id": zero,
    "get_numa_node_id": zero,
    "get_current_pid_tgid": get_current_pid_tgid,
    "get_current_uid_gid": get_current_uid_gid,
    "get_current_comm": get_current_comm,
    "get_current_task": get_current_task,
    "get_current_task_btf": get_current_task,
    "loop": loop,
    "spin_lock": spin_lock,
    "spin_unlock": spin_unlock,
    "probe_read": probe_read,
    "probe_read_kernel": probe_read_kernel,
    "probe_read_user": probe_read_user,
    "probe_read_str": probe_read_str,
    "probe_read_kernel_str": probe_read_kernel_str,
    "probe_read_user_str": probe_read_user_str,
    "probe_write_user": probe_write_user,
    "copy_from_user": copy_from_user,
}
