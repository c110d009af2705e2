"""Helpers that say something: trace_printk, perf events, and what formats text (kernel/trace/bpf_trace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.kernel.errno import E2BIG, EINVAL
from vm.kernel.types import BPF_F_CTXLEN_MASK, BPF_F_INDEX_MASK
from vm.runner.helpers.base import Helper, u32
from vm.runner.helpers.printf import FormatError, format_text
from vm.runner.maps import PerfEventArray
from vm.runner.memory import AccessError

if TYPE_CHECKING:
    from vm.runner.world import World

MAX_TRACE: Final = 1024
MAX_PERF: Final = 0xFFFF
BPF_F_CURRENT_CPU: Final = BPF_F_INDEX_MASK


def _data_args(w: World, address: int, size: int) -> list[int] | None:
    """The u64 array trace_vprintk, snprintf and seq_printf take; None if its size is wrong."""
    if size % 8 or size > 12 * 8 or (size and not address):
        return None
    data = w.memory.load_bytes(address, size)
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, size, 8)]


def _print(w: World, fmt: int, fmt_size: int, args: list[int]) -> int:
    try:
        text = format_text(w, w.memory.load_bytes(fmt, fmt_size), args, MAX_TRACE)
    except FormatError:
        return -EINVAL
    w.say("printk", text.decode("utf-8", "replace").removesuffix("\n"))
    return len(text)


def trace_printk(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _print(w, r1, u32(r2), [r3, r4, r5])


def trace_vprintk(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    args = _data_args(w, r3, u32(r4))
    return -EINVAL if args is None else _print(w, r1, u32(r2), args)


def snprintf(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    args = _data_args(w, r4, u32(r5))
    if args is None:
        return -EINVAL
    fmt = w.memory.load_string(r3, MAX_TRACE)
    if fmt is None:
        raise AccessError(w.memory.explain(r3, 1, "read"), r3)
    try:
        text = format_text(w, fmt + b"\0", args, 1 << 16)
    except FormatError:
        return -EINVAL
    size = u32(r2)
    if size:
        kept = text[: size - 1] + b"\0"
        w.memory.store_bytes(r1, kept)
    return len(text) + 1


def perf_event_output(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """With a packet ctx, the length in the flags' upper half appends that much of the packet."""
    ring = w.map_at(r2)
    if not isinstance(ring, PerfEventArray):
        raise AccessError(f"{ring.name} is no perf event array", r2)
    length = (r3 & BPF_F_CTXLEN_MASK) >> 32
    if r3 & ~(BPF_F_INDEX_MASK | (BPF_F_CTXLEN_MASK if w.packet else 0)):
        return -EINVAL
    if w.packet and length > w.packet.length:
        return -14
    if r5 > MAX_PERF:
        return -E2BIG
    index = r3 & BPF_F_INDEX_MASK
    error = ring.check_index(0 if index == BPF_F_CURRENT_CPU else index)
    if error:
        return error
    data = w.memory.load_bytes(r4, r5)
    if w.packet and length:
        data += w.packet.read_at(0, length) or b""
    w.say("perf", f"{ring.name}: {len(data)} bytes", data)
    return 0


HELPERS: Final[dict[str, Helper]] = {
    "trace_printk": trace_printk,
    "trace_vprintk": trace_vprintk,
    "snprintf": snprintf,
    "perf_event_output": perf_event_output,
    "skb_output": perf_event_output,
    "xdp_output": perf_event_output,
}
