"""Helpers only XDP programs have (net/core/filter.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.kernel.errno import EACCES, EINVAL
from vm.runner.helpers.base import Helper, s32, u32
from vm.runner.layout import ETH_HLEN
from vm.runner.memory import AccessError
from vm.runner.packet import SHARED_INFO, XDP_FRAME, XdpPacket

if TYPE_CHECKING:
    from vm.runner.world import World


def _packet(w: World, ctx: int) -> XdpPacket:
    if not isinstance(w.packet, XdpPacket) or not w.ctx_is(ctx):
        raise AccessError(f"a helper was given {ctx:#x} as its ctx, and the ctx is not there", ctx)
    return w.packet


def xdp_adjust_head(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset = _packet(w, r1), s32(r2)
    old_meta = packet.data_meta
    meta_len = packet.data - old_meta
    data = packet.data + offset
    low = packet.get("xdp_buff.data_hard_start", 8) + XDP_FRAME + meta_len
    if data < low or data > packet.data_end - ETH_HLEN:
        return -EINVAL
    if meta_len:
        w.memory.write(old_meta + offset, w.memory.read(old_meta, meta_len))
    packet.put("xdp_buff.data_meta", 8, old_meta + offset)
    packet.put("xdp_buff.data", 8, data)
    packet.moved()
    w.say("adjust", f"the packet now starts {abs(offset)} bytes {'later' if offset > 0 else 'earlier'}")
    return 0


def xdp_adjust_tail(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset = _packet(w, r1), s32(r2)
    end = packet.data_end + offset
    if end > packet.get("xdp_buff.data_hard_start", 8) + packet.frame - SHARED_INFO or end < packet.data + ETH_HLEN:
        return -EINVAL
    if offset > 0:
        w.memory.fill(packet.data_end, offset)
    packet.put("xdp_buff.data_end", 8, end)
    packet.moved()
    w.say("adjust", f"the packet is now {abs(offset)} bytes {'longer' if offset > 0 else 'shorter'}")
    return 0


def xdp_adjust_meta(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset = _packet(w, r1), s32(r2)
    meta = packet.data_meta + offset
    length = packet.data - meta
    if meta < packet.get("xdp_buff.data_hard_start", 8) + XDP_FRAME or length < 0:
        return -EINVAL
    if length & 3 or length > 255:
        return -EACCES
    packet.put("xdp_buff.data_meta", 8, meta)
    packet.moved()
    w.say("adjust", f"metadata now has {length} bytes")
    return 0


def xdp_get_buff_len(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _packet(w, r1).length


def xdp_load_bytes(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset, size = _packet(w, r1), u32(r2), u32(r4)
    data = packet.read_at(offset, size)
    if data is None:
        return -EINVAL
    w.memory.store_bytes(r3, data)
    return 0


def xdp_store_bytes(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset, size = _packet(w, r1), u32(r2), u32(r4)
    if offset + size > packet.length:
        return -EINVAL
    w.memory.write(packet.data + offset, w.memory.load_bytes(r3, size))
    return 0


HELPERS: Final[dict[str, Helper]] = {
    "xdp_adjust_head": xdp_adjust_head,
    "xdp_adjust_tail": xdp_adjust_tail,
    "xdp_adjust_meta": xdp_adjust_meta,
    "xdp_get_buff_len": xdp_get_buff_len,
    "xdp_load_bytes": xdp_load_bytes,
    "xdp_store_bytes": xdp_store_bytes,
}
