"""bpf_skb_vlan_push() and bpf_skb_vlan_pop() (net/core/skbuff.c, skb_vlan_push() and skb_vlan_pop()).

The outermost tag is kept beside the packet (skb->vlan_proto, skb->vlan_tci), as a network card with VLAN offload
delivers it; further tags are in the packet's bytes, behind the addresses of the Ethernet header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.kernel.errno import EINVAL, ENOMEM
from vm.runner.helpers.base import Helper
from vm.runner.helpers.net import skb
from vm.runner.layout import ETH_HLEN
from vm.runner.packet import SkbPacket, eth_protocol

if TYPE_CHECKING:
    from vm.runner.world import World

VLAN_HLEN: Final = 4
MAC_ADDRESSES: Final = 12
# EtherTypes as skb->protocol and skb->vlan_proto hold them: big-endian, read by a little-endian machine.
ETH_P_8021Q: Final = 0x0081
ETH_P_8021AD: Final = 0xA888
VLAN_TYPES: Final = (ETH_P_8021Q, ETH_P_8021AD)


def skb_vlan_push(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """Puts a tag beside the packet; one that was there goes into the packet's bytes. 0 or -errno."""
    packet = skb(w, r1)
    error = _insert(packet) if packet.get("sk_buff.vlan_all", 4) else 0
    if not error:
        protocol = r2 & 0xFFFF
        _put_beside(packet, protocol if protocol in VLAN_TYPES else ETH_P_8021Q, r3 & 0xFFFF)
    packet.compute_data_pointers()
    return error


def skb_vlan_pop(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """Drops the outermost tag; the next one, if skb->protocol says that there is one, goes beside the packet."""
    packet = skb(w, r1)
    error = 0
    if packet.get("sk_buff.vlan_all", 4):
        packet.put("sk_buff.vlan_all", 4, 0)
    elif packet.get("sk_buff.protocol", 2) in VLAN_TYPES:
        error, _ = _remove(packet)
    protocol = packet.get("sk_buff.protocol", 2)
    if not error and protocol in VLAN_TYPES:
        error, tci = _remove(packet)
        if not error:
            _put_beside(packet, protocol, tci)
    packet.compute_data_pointers()
    return error


def _put_beside(packet: SkbPacket, protocol: int, tci: int) -> None:
    packet.put("sk_buff.vlan_proto", 2, protocol)
    packet.put("sk_buff.vlan_tci", 2, tci)


def _at_mac_header(packet: SkbPacket) -> bool:
    return packet.data == packet.get("sk_buff.head", 8) + packet.get("sk_buff.mac_header", 2)


def _insert(packet: SkbPacket) -> int:
    """__vlan_insert_tag() of the tag beside the packet; then skb->protocol is that tag's."""
    addresses = packet.read_at(0, ETH_HLEN)
    if not _at_mac_header(packet) or addresses is None:
        return -EINVAL
    protocol = packet.get("sk_buff.vlan_proto", 2)
    tag = protocol.to_bytes(2, "little") + packet.get("sk_buff.vlan_tci", 2).to_bytes(2, "big")
    error = packet.change_head(VLAN_HLEN)
    if error:
        return -ENOMEM
    packet.memory.write(packet.data, addresses[:MAC_ADDRESSES] + tag)
    packet.put("sk_buff.protocol", 2, protocol)
    packet.put("sk_buff.network_header", 2, packet.get("sk_buff.network_header", 2) - VLAN_HLEN)
    return 0


def _remove(packet: SkbPacket) -> tuple[int, int]:
    """__skb_vlan_pop(): takes the outermost tag out of the packet's bytes. 0 or -errno, and the tag's TCI."""
    if not _at_mac_header(packet):
        return -EINVAL, 0
    start = packet.read_at(0, ETH_HLEN + VLAN_HLEN)
    if start is None:
        return -ENOMEM, 0
    head = packet.get("sk_buff.head", 8)
    data = packet.data + VLAN_HLEN
    packet.memory.write(data, start[:MAC_ADDRESSES])
    packet.put("sk_buff.data", 8, data)
    packet.put("sk_buff.len", 4, packet.length - VLAN_HLEN)
    packet.put("sk_buff.mac_header", 2, data - head)
    # vlan_set_encap_proto(); what lies behind a packet that ends here is zero.
    behind = packet.memory.read(data + ETH_HLEN, 2)
    packet.put("sk_buff.protocol", 2, eth_protocol(start[ETH_HLEN + 2 :], behind))
    network = packet.get("sk_buff.network_header", 2)
    packet.put("sk_buff.network_header", 2, max(network, data + ETH_HLEN - head))
    packet.fit()
    return 0, int.from_bytes(start[ETH_HLEN : ETH_HLEN + 2], "big")


HELPERS: Final[dict[str, Helper]] = {"skb_vlan_push": skb_vlan_push, "skb_vlan_pop": skb_vlan_pop}
