"""Helpers on packets in sk_buffs, checksums, redirects (net/core/filter.c, lib/checksum.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.kernel.errno import EFAULT, EINVAL, ENOTSUPP
from vm.kernel.types import (
    BPF_F_BROADCAST,
    BPF_F_EXCLUDE_INGRESS,
    BPF_F_HDR_FIELD_MASK,
    BPF_F_INGRESS,
    BPF_F_INVALIDATE_HASH,
    BPF_F_IPV6,
    BPF_F_MARK_ENFORCE,
    BPF_F_MARK_MANGLED_0,
    BPF_F_PSEUDO_HDR,
    BPF_F_RECOMPUTE_CSUM,
    BPF_MAP_TYPE_DEVMAP,
    BPF_MAP_TYPE_DEVMAP_HASH,
    XDP_ABORTED,
    XDP_REDIRECT,
)
from vm.runner.helpers.base import Helper, s32, u32
from vm.runner.layout import ETH_HLEN
from vm.runner.maps import RedirectMap
from vm.runner.memory import AccessError
from vm.runner.packet import SkbPacket

if TYPE_CHECKING:
    from vm.runner.world import World

TC_ACT_SHOT: Final = 2
TC_ACT_REDIRECT: Final = 7
DEVMAPS: Final = (BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH)
INT_MAX: Final = (1 << 31) - 1
SKF_NET_OFF: Final = -0x100000
SKF_LL_OFF: Final = -0x200000
MAX_CSUM: Final = 512


def skb(w: World, ctx: int) -> SkbPacket:
    """The run's packet; AccessError if `ctx` is not its sk_buff."""
    if not isinstance(w.packet, SkbPacket) or not w.ctx_is(ctx):
        raise AccessError(f"a helper was given {ctx:#x} as its ctx, and the ctx is not there", ctx)
    return w.packet


# -- bytes ----------------------------------------------------------------------------------------------


def skb_load_bytes(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset, size = skb(w, r1), u32(r2), u32(r4)
    data = packet.read_at(offset, size) if offset <= INT_MAX else None
    return _give(w, r3, data, size)


def _give(w: World, to: int, data: bytes | None, size: int) -> int:
    w.memory.check(to, max(size, 1), write=True)
    w.memory.write(to, data if data is not None else bytes(size))
    return 0 if data is not None else -EFAULT


def skb_load_bytes_relative(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset, size, start = skb(w, r1), u32(r2), u32(r4), u32(r5)
    header = {0: "sk_buff.mac_header", 1: "sk_buff.network_header"}.get(start)
    if header is None or offset > 0xFFFF:
        return _give(w, r3, None, size)
    at = packet.get("sk_buff.head", 8) + packet.get(header, 2) + offset
    inside = at + size <= packet.data_end
    return _give(w, r3, w.memory.read(at, size) if inside else None, size)


def skb_store_bytes(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, offset, size = skb(w, r1), u32(r2), u32(r4)
    if r5 & ~(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH):
        return -EINVAL
    if offset > INT_MAX or offset + size > packet.length:
        return -EFAULT
    w.memory.write(packet.data + offset, w.memory.load_bytes(r3, size))
    if r5 & BPF_F_INVALIDATE_HASH:
        packet.put("sk_buff.hash", 4, 0)
    return 0


def skb_pull_data(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, size = skb(w, r1), u32(r2)
    packet.compute_data_pointers()
    return -12 if size > packet.length else 0


def skb_change_tail(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet = skb(w, r1)
    if r3:
        return -EINVAL
    network = packet.get("sk_buff.head", 8) + packet.get("sk_buff.network_header", 2) - packet.data
    error = packet.change_tail(u32(r2), max(network, 0))
    if not error:
        w.say("adjust", f"the packet now has {packet.length} bytes")
    return error


def skb_change_head(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, room = skb(w, r1), u32(r2)
    if r3 or packet.length + room > 0xFFFF + ETH_HLEN:
        return -EINVAL
    error = packet.change_head(room)
    if not error:
        w.say("adjust", f"the packet now starts {room} bytes earlier")
    return error


def skb_change_type(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet, kind = skb(w, r1), u32(r2)
    old = packet.get("sk_buff.pkt_type", 1)
    # Only between the types of packets a host receives.
    if old & 7 > 3 or kind > 3:
        return -EINVAL
    packet.put("sk_buff.pkt_type", 1, (old & ~7) | kind)
    return 0


def _load_helper(size: int) -> Helper:
    """bpf_skb_load_helper_N[_no_cache]: what LD_ABS and LD_IND become. Big-endian numbers; -EFAULT past the end."""

    def load(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
        return _load_at(w, r1, s32(r4), size)

    return load


def _load_helper_no_cache(size: int) -> Helper:
    def load(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
        return _load_at(w, r1, s32(r2), size)

    return load


def _load_at(w: World, ctx: int, offset: int, size: int) -> int:
    packet = skb(w, ctx)
    value = load_absolute(packet, offset, size)
    # int return values: negative errors are sign-extended, loaded words are not.
    return -EFAULT if value is None else value


def load_absolute(packet: SkbPacket, offset: int, size: int) -> int | None:
    """Number at `offset` as classic BPF sees it (negative offsets are relative to headers), None outside."""
    if offset < 0:
        head = packet.get("sk_buff.head", 8)
        if offset >= SKF_NET_OFF:
            offset += -SKF_NET_OFF + head + packet.get("sk_buff.network_header", 2) - packet.data
        elif offset >= SKF_LL_OFF:
            offset += -SKF_LL_OFF + head + packet.get("sk_buff.mac_header", 2) - packet.data
        else:
            return None
    at = packet.data + offset
    if offset + size > packet.length or at < packet.get("sk_buff.head", 8):
        return None
    return int.from_bytes(packet.memory.read(at, size), "big")


# -- checksums ------------------------------------------------------------------------------------------


def fold(total: int) -> int:
    """Ones' complement sum of any width to 16 bits."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def add32(a: int, b: int) -> int:
    """csum_add()."""
    total = a + b
    return (total & 0xFFFFFFFF) + (total >> 32)


def _sum_words(data: bytes, seed: int) -> int:
    """csum_partial(): 32-bit ones' complement sum of little-endian words."""
    total = seed
    for i in range(0, len(data), 4):
        total += int.from_bytes(data[i : i + 4], "little")
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def csum_diff(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    old_size, new_size = u32(r2), u32(r4)
    if (old_size | new_size) & 3 or old_size + new_size > MAX_CSUM:
        return -EINVAL
    old = w.memory.load_bytes(r1, old_size)
    new = w.memory.load_bytes(r3, new_size)
    return _sum_words(bytes(b ^ 0xFF for b in old) + new, u32(r5))


def _replace(check: int, old: int, new: int) -> int:
    """csum_replace4() and 2 on the folded sum: ~(~check + ~old + new)."""
    return ~fold((~check & 0xFFFF) + fold(~old & 0xFFFFFFFF) + fold(new & 0xFFFFFFFF)) & 0xFFFF


def _replace_by_diff(check: int, diff: int) -> int:
    return ~fold(add32(diff & 0xFFFFFFFF, ~check & 0xFFFF)) & 0xFFFF


def _place(packet: SkbPacket, offset: int) -> int | None:
    """Address of a checksum field, None where the helper answers -EFAULT."""
    if offset > 0xFFFF or offset & 1 or offset + 2 > packet.length:
        return None
    return packet.data + offset


def l3_csum_replace(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet = skb(w, r1)
    if r5 & ~BPF_F_HDR_FIELD_MASK:
        return -EINVAL
    at = _place(packet, u32(r2))
    if at is None:
        return -EFAULT
    new = _new_check(w.memory.get(at, 2), r3, r4, r5 & BPF_F_HDR_FIELD_MASK)
    if new is None:
        return -EINVAL
    w.memory.put(at, 2, new)
    return 0


def _new_check(check: int, old: int, new: int, size: int) -> int | None:
    if size == 0:
        return None if old else _replace_by_diff(check, new)
    if size == 2:
        return _replace(check, old & 0xFFFF, new & 0xFFFF)
    return _replace(check, old, new) if size == 4 else None


def l4_csum_replace(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet = skb(w, r1)
    known = BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK | BPF_F_IPV6
    if r5 & ~known:
        return -EINVAL
    at = _place(packet, u32(r2))
    if at is None:
        return -EFAULT
    check = w.memory.get(at, 2)
    if r5 & BPF_F_MARK_MANGLED_0 and not r5 & BPF_F_MARK_ENFORCE and not check:
        return 0
    new = _new_check(check, r3, r4, r5 & BPF_F_HDR_FIELD_MASK)
    if new is None:
        return -EINVAL
    if r5 & BPF_F_MARK_MANGLED_0 and not new:
        new = 0xFFFF
    w.memory.put(at, 2, new)
    return 0


def csum_update(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """A test run's packets carry no complete checksum to update."""
    skb(w, r1)
    return -ENOTSUPP


def csum_level(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The packet's checksum was not verified by a device (CHECKSUM_NONE): only resetting succeeds."""
    skb(w, r1)
    return {0: -13, 1: 0, 2: 0, 3: 0}.get(r2, -EINVAL)


# -- hash, socket -----------------------------------------------------------------------------------------


def set_hash_invalid(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    skb(w, r1).put("sk_buff.hash", 4, 0)
    return 0


def set_hash(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    skb(w, r1).put("sk_buff.hash", 4, u32(r2))
    return 0


def get_hash_recalc(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The kernel's is a keyed hash of the flow with a boot secret: any stable number of the flow stands for it."""
    import zlib

    packet = skb(w, r1)
    if not packet.get("sk_buff.hash", 4):
        packet.put("sk_buff.hash", 4, zlib.crc32(packet.read_at(0, min(packet.length, 54)) or b"") | 1)
    return packet.get("sk_buff.hash", 4)


def get_socket_cookie(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The one socket's cookie; 0 without a packet, as for a NULL socket."""
    return 1 if isinstance(w.packet, SkbPacket) else 0


def get_socket_uid(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The test run's socket belongs to root."""
    return 0


# -- where to -----------------------------------------------------------------------------------------------


def redirect(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    if w.kind == "xdp":
        if r2:
            return XDP_ABORTED
        w.say("redirect", f"to interface {u32(r1)}")
        return XDP_REDIRECT
    if r2 & ~BPF_F_INGRESS:
        return TC_ACT_SHOT
    w.say("redirect", f"to interface {u32(r1)}" + (", as if received there" if r2 & BPF_F_INGRESS else ""))
    return TC_ACT_REDIRECT


def redirect_peer(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    if r2:
        return TC_ACT_SHOT
    w.say("redirect", f"to the peer of interface {u32(r1)}")
    return TC_ACT_REDIRECT


def clone_redirect(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    packet = skb(w, r1)
    if r3 & ~BPF_F_INGRESS:
        return -EINVAL
    w.say("redirect", f"a copy to interface {u32(r2)}", packet.out())
    return 0


def redirect_map(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    if not isinstance(each, RedirectMap):
        raise AccessError(f"{each.name} holds nothing a packet can be redirected to", r1)
    known = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS if each.spec.map_type in DEVMAPS else 0
    if r3 & ~(3 | known):
        return XDP_ABORTED
    if r3 & BPF_F_BROADCAST:
        w.say("redirect", f"to every interface of {each.name}, which is empty: user space would fill it")
        return XDP_REDIRECT
    w.say("redirect", f"{each.name}[{u32(r2)}] is empty: user space would fill it; the flags say what happens instead")
    return r3 & 3


# -- per-CPU addresses, arguments of traced functions ------------------------------------------------------------


def per_cpu_ptr(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _this_cpu(w, r1) if u32(r2) == 0 else 0


def this_cpu_ptr(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _this_cpu(w, r1)


def _this_cpu(w: World, address: int) -> int:
    """Per-CPU variables of the kernel have an address of their own here; allocated ones are offsets."""
    return w.percpu.base + address if address < w.percpu.size else address


def get_cgroup_classid(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """No task is in a net_cls control group."""
    return 0


def get_current_cgroup_id(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """The root control group."""
    return 1


def get_func_arg(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    if u32(r2) >= 12:
        return -EINVAL
    w.memory.store_bytes(r3, w.memory.read(r1 + 8 * u32(r2), 8))
    return 0


def get_func_arg_cnt(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    from vm.runner.inputs import EventInput

    return len(w.input.values) if isinstance(w.input, EventInput) else 0


HELPERS: Final[dict[str, Helper]] = {
    "skb_load_bytes": skb_load_bytes,
    "skb_load_bytes_relative": skb_load_bytes_relative,
    "skb_store_bytes": skb_store_bytes,
    "skb_pull_data": skb_pull_data,
    "skb_change_tail": skb_change_tail,
    "skb_change_head": skb_change_head,
    "skb_change_type": skb_change_type,
    "skb_load_helper_8": _load_helper(1),
    "skb_load_helper_16": _load_helper(2),
    "skb_load_helper_32": _load_helper(4),
    "skb_load_helper_8_no_cache": _load_helper_no_cache(1),
    "skb_load_helper_16_no_cache": _load_helper_no_cache(2),
    "skb_load_helper_32_no_cache": _load_helper_no_cache(4),
    "csum_diff": csum_diff,
    "l3_csum_replace": l3_csum_replace,
    "l4_csum_replace": l4_csum_replace,
    "csum_update": csum_update,
    "csum_level": csum_level,
    "set_hash_invalid": set_hash_invalid,
    "set_hash": set_hash,
    "get_hash_recalc": get_hash_recalc,
    "get_socket_cookie": get_socket_cookie,
    "get_netns_cookie": get_socket_cookie,
    "get_socket_uid": get_socket_uid,
    "redirect": redirect,
    "redirect_peer": redirect_peer,
    "redirect_map": redirect_map,
    "clone_redirect": clone_redirect,
    "per_cpu_ptr": per_cpu_ptr,
    "this_cpu_ptr": this_cpu_ptr,
    "get_cgroup_classid": get_cgroup_classid,
    "get_current_cgroup_id": get_current_cgroup_id,
    "get_func_arg": get_func_arg,
    "get_func_arg_cnt": get_func_arg_cnt,
}
