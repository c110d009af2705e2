"""Packets in memory as BPF_PROG_TEST_RUN lays them out (net/bpf/test_run.c), or as a socket receives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from vm.errors import InputError
from vm.kernel.errno import EFAULT, EINVAL
from vm.runner.inputs import MAX_PACKET, PacketInput
from vm.runner.layout import ETH_HLEN, NET_SKB_PAD, OFFSETS, SIZES, XDP_PACKET_HEADROOM
from vm.runner.memory import PAGE
from vm.runner.sockets import TEST_RUN, Received, receive

if TYPE_CHECKING:
    from vm.runner.world import World

MAC_ADDRESSES: Final = 12
LOOPBACK: Final = 1  # its ifindex
# skb->pkt_type (include/uapi/linux/if_packet.h)
PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST = range(4)
XDP_FRAME: Final = 40  # sizeof(struct xdp_frame): the head of the headroom programs cannot have
SHARED_INFO: Final = SIZES["skb_shared_info"]
_SLACK: Final = 2 * PAGE
PACKET_SIZE: Final = 2 * _SLACK + (MAX_PACKET | PAGE - 1) + 1 + PAGE
# Fields of struct sk_buff's cb as the tc layer and the verifier's data pointers use it.
_CB: Final = OFFSETS["sk_buff.cb"]
_CB_FIELDS: Final = {
    "skb_cb.pkt_len": _CB + OFFSETS["qdisc_skb_cb.pkt_len"],
    "skb_cb.tc_classid": _CB + OFFSETS["qdisc_skb_cb.tc_classid"],
    "skb_cb.data": _CB + OFFSETS["qdisc_skb_cb.data"],
    "skb_cb.data_meta": _CB + OFFSETS["bpf_skb_data_end.data_meta"],
    "skb_cb.data_end": _CB + OFFSETS["bpf_skb_data_end.data_end"],
}


def check_size(data: bytes) -> None:
    """InputError for a packet the kernel's test run refuses, or one over 64 KiB."""
    if len(data) < ETH_HLEN:
        raise InputError(
            f"The packet has {len(data)} bytes; it needs at least {ETH_HLEN}, an Ethernet header."
            if data
            else f"The packet is empty; it needs at least {ETH_HLEN} bytes, an Ethernet header."
        )
    if len(data) > MAX_PACKET:
        raise InputError(f"The packet has {len(data)} bytes; the most is {MAX_PACKET}.")


def eth_protocol(ether_type: bytes, behind: bytes) -> int:
    """skb->protocol for an Ethernet header with this type field and these two bytes behind it (eth_type_trans()).

    A type below 0x600 is a length: Novell's frames without an LLC header are recognised by their first bytes, ff ff.
    """
    if ether_type[0] < 0x06:
        ether_type = b"\x00\x01" if behind == b"\xff\xff" else b"\x00\x04"  # ETH_P_802_3, ETH_P_802_2
    return int.from_bytes(ether_type, "little")


def _offset(step: str) -> int:
    name, _, extra = step.partition("+")
    base = _CB_FIELDS.get(name)
    return (OFFSETS[name] if base is None else base) + (int(extra) if extra else 0)


class _Packet:
    """What both kinds share: the bytes, the device they came in by, and field access by path."""

    uapi: ClassVar[str]

    def __init__(self, world: World, given: PacketInput) -> None:
        check_size(given.data)
        self.world = world
        self.memory = world.memory
        self.address = 0

    def field(self, path: tuple[str, ...]) -> int:
        """Address of a field; all steps but the last are pointers."""
        at = self.address
        for step in path[:-1]:
            if step == "shared_info":
                at = self.get("sk_buff.head", 8) + self.get("sk_buff.end", 4)
            else:
                at = self.memory.u64(at + _offset(step))
        return at + _offset(path[-1])

    def get(self, name: str, size: int) -> int:
        return self.memory.get(self.address + _offset(name), size)

    def put(self, name: str, size: int, value: int) -> None:
        self.memory.put(self.address + _offset(name), size, value)

    def _device(self, ifindex: int) -> int:
        device = self.world.kernel_bytes("net_device", bytes(SIZES["net_device"]), writable=False)
        self.memory.put(device + OFFSETS["net_device.ifindex"], 4, ifindex)
        self.memory.put(
            device + OFFSETS["net_device.type"], 2, 1 if ifindex != LOOPBACK else 772
        )  # ARPHRD_ETHER, LOOPBACK
        return device


class XdpPacket(_Packet):
    """struct xdp_buff, its queue and device; 256 bytes of headroom, data, room for skb_shared_info."""

    uapi = "xdp"

    def __init__(self, world: World, given: PacketInput) -> None:
        super().__init__(world, given)
        data, meta = given.data, given.meta
        if len(meta) % 4 or len(meta) > 252:
            raise InputError(f"XDP metadata has {len(meta)} bytes; it must be a multiple of 4, at most 252.")
        # One page as in the kernel where the packet fits; longer ones are linear here, not in fragments.
        frame = PAGE
        while frame - XDP_PACKET_HEADROOM - SHARED_INFO < len(data):
            frame += PAGE
        world.packets.top = frame
        hard_start = world.packets.base
        start = hard_start + XDP_PACKET_HEADROOM
        self.memory.write(start, data)
        self.memory.write(start - len(meta), meta)
        self.frame = frame
        device = self._device(given.ingress_ifindex)
        rxq = world.kernel_bytes("xdp_rxq_info", bytes(SIZES["xdp_rxq_info"]), writable=False)
        self.memory.put(rxq + OFFSETS["xdp_rxq_info.dev"], 8, device)
        self.memory.put(rxq + OFFSETS["xdp_rxq_info.queue_index"], 4, given.rx_queue_index)
        txq = world.kernel_bytes("xdp_txq_info", bytes(SIZES["xdp_txq_info"]), writable=False)
        self.memory.put(txq, 8, device)
        self.address = world.kernel_bytes("ctx", bytes(SIZES["xdp_buff"]))
        for name, value in (
            ("data", start),
            ("data_end", start + len(data)),
            ("data_meta", start - len(meta)),
            ("data_hard_start", hard_start),
            ("rxq", rxq),
            ("txq", txq),
        ):
            self.put(f"xdp_buff.{name}", 8, value)
        self.put("xdp_buff.frame_sz", 4, frame)
        self.area = world.region("packet", start - len(meta), len(data) + len(meta), one="the packet")

    @property
    def data(self) -> int:
        return self.get("xdp_buff.data", 8)

    @property
    def data_end(self) -> int:
        return self.get("xdp_buff.data_end", 8)

    @property
    def data_meta(self) -> int:
        return self.get("xdp_buff.data_meta", 8)

    @property
    def length(self) -> int:
        return self.data_end - self.data

    def moved(self) -> None:
        """The region follows data_meta and data_end."""
        self.memory.move(self.area, self.data_meta, self.data_end - self.data_meta)

    def out(self) -> bytes:
        """data_out of a test run: from data_meta to data_end."""
        return self.memory.read(self.data_meta, self.data_end - self.data_meta)

    def read_at(self, offset: int, size: int) -> bytes | None:
        """`size` bytes at `offset`, None past the end."""
        if offset + size > self.length:
            return None
        return self.memory.read(self.data + offset, size)


class SkbPacket(_Packet):
    """struct sk_buff with linear data.

    tc programs see the Ethernet header; for a socket filter the packet starts where its socket takes it
    (vm.runner.sockets); to others it starts behind the Ethernet header, as in a test run.
    """

    uapi = "skb"

    def __init__(self, world: World, given: PacketInput) -> None:
        super().__init__(world, given)
        received = Received(given.data, 0 if world.kind in ("sched_cls", "sched_act") else ETH_HLEN)
        if world.kind == "socket_filter":
            received = receive(given.data, given.socket)
        data, self.tag, self.start = received.data, received.tag, received.start
        self.on_socket = world.kind == "socket_filter" and given.socket != TEST_RUN
        room = (NET_SKB_PAD + len(data) + 63) & -64
        self.low = world.packets.base
        world.packets.top = world.packets.size
        head = self.low + _SLACK
        mac = head + NET_SKB_PAD
        self.memory.write(mac, data)
        self.area = world.region("packet", mac, len(data), one="the packet")
        self.address = world.kernel_bytes("ctx", bytes(SIZES["sk_buff"]))
        sock = world.kernel_bytes("sock", bytes(SIZES["sock"]), writable=False)
        self.sock = sock
        start = mac + self.start
        end = room + _SLACK // 2
        put = self.put
        put("sk_buff.dev", 8, self._device(given.ingress_ifindex))
        put("sk_buff.sk", 8, sock)
        put("sk_buff.head", 8, head)
        put("sk_buff.data", 8, start)
        put("sk_buff.len", 4, mac + len(data) - start)
        put("sk_buff.tail", 4, mac + len(data) - head)
        put("sk_buff.end", 4, end)
        put("sk_buff.mac_header", 2, mac - head)
        put("sk_buff.network_header", 2, mac + ETH_HLEN - head)
        put("sk_buff.transport_header", 2, 0xFFFF)
        put("sk_buff.mac_len", 2, 0)
        put("sk_buff.truesize", 4, end + SIZES["sk_buff"] + SHARED_INFO)
        put("sk_buff.mark", 4, given.mark)
        put("sk_buff.priority", 4, given.priority)
        put("skb_cb.pkt_len", 4, 0)
        if given.cb:
            self.memory.write(self.address + _CB_FIELDS["skb_cb.data"], given.cb[:20].ljust(20, b"\0"))
        if self.tag and received.beside:
            put("sk_buff.vlan_proto", 2, int.from_bytes(self.tag[:2], "little"))
            put("sk_buff.vlan_tci", 2, int.from_bytes(self.tag[2:], "big"))
        self._ethernet(data, given.ingress_ifindex)
        self.compute_data_pointers()
        self.fit()

    def _ethernet(self, data: bytes, ifindex: int) -> None:
        """eth_type_trans() and the socket's addresses, as the test run sets them."""
        # A test run's packets are PACKET_OTHERHOST, as the loopback device's address is zero; a socket gets its host's.
        kind = PACKET_HOST if self.on_socket else PACKET_OTHERHOST
        if data[0] & 1:
            # The loopback device's broadcast address is zero as well.
            broadcast = data[:6] == b"\xff" * 6 and ifindex != LOOPBACK
            kind = PACKET_BROADCAST if broadcast else PACKET_MULTICAST
        elif data[:6] == bytes(6):
            kind = PACKET_HOST
        self.put("sk_buff.pkt_type", 1, kind)
        protocol = data[12:14]
        self.put("sk_buff.protocol", 2, eth_protocol(protocol, data[14:16]))
        at = self.sock
        if protocol == b"\x08\x00" and len(data) >= 34:
            self.memory.put(at + OFFSETS["sock_common.skc_family"], 2, 2)
            self.memory.write(at + OFFSETS["sock_common.skc_rcv_saddr"], data[26:30])
            self.memory.write(at + OFFSETS["sock_common.skc_daddr"], data[30:34])
        elif protocol == b"\x86\xdd" and len(data) >= 54:
            self.memory.put(at + OFFSETS["sock_common.skc_family"], 2, 10)
            self.memory.write(at + OFFSETS["sock_common.skc_v6_rcv_saddr"], data[22:38])
            self.memory.write(at + OFFSETS["sock_common.skc_v6_daddr"], data[38:54])

    @property
    def data(self) -> int:
        return self.get("sk_buff.data", 8)

    @property
    def length(self) -> int:
        return self.get("sk_buff.len", 4)

    @property
    def data_end(self) -> int:
        return self.data + self.length

    def compute_data_pointers(self) -> None:
        """bpf_compute_data_pointers()."""
        self.put("skb_cb.data_meta", 8, self.data)
        self.put("skb_cb.data_end", 8, self.data_end)

    def fit(self) -> None:
        """The region is the data, and before it what a negative LD_ABS offset can reach."""
        mac = self.get("sk_buff.head", 8) + self.get("sk_buff.mac_header", 2)
        start = min(mac, self.data)
        self.memory.move(self.area, start, self.data_end - start)

    def out(self) -> bytes:
        """data_out of a test run, where programs that saw no Ethernet header give one of zeros back.

        From a socket the whole packet, as it came in.
        """
        if not self.on_socket:
            return bytes(self.start) + self.memory.read(self.data, self.length)
        mac = self.get("sk_buff.head", 8) + self.get("sk_buff.mac_header", 2)
        whole = self.memory.read(mac, self.data_end - mac)
        return whole[:MAC_ADDRESSES] + self.tag + whole[MAC_ADDRESSES:]

    def read_at(self, offset: int, size: int) -> bytes | None:
        if offset + size > self.length:
            return None
        return self.memory.read(self.data + offset, size)

    def change_tail(self, new_len: int, minimum: int) -> int:
        """bpf_skb_change_tail(): 0 or -errno."""
        if new_len > MAX_PACKET + ETH_HLEN or new_len < minimum:
            return -EINVAL
        old = self.length
        end = self.memory.arena_at(self.data)
        assert end is not None
        if self.data + new_len + SHARED_INFO > end.end:
            return -EFAULT
        if new_len > old:
            self.memory.fill(self.data_end, new_len - old)
        head = self.get("sk_buff.head", 8)
        self.put("sk_buff.len", 4, new_len)
        self.put("sk_buff.tail", 4, self.data + new_len - head)
        self.compute_data_pointers()
        self.fit()
        return 0

    def change_head(self, room: int) -> int:
        """bpf_skb_change_head(): `room` zero bytes before the data."""
        start = self.data - room
        if start < self.low:
            return -EFAULT
        head = self.get("sk_buff.head", 8)
        if start < head:
            shift = head - start
            for name in ("mac_header", "network_header"):
                self.put(f"sk_buff.{name}", 2, self.get(f"sk_buff.{name}", 2) + shift)
            self.put("sk_buff.tail", 4, self.get("sk_buff.tail", 4) + shift)
            self.put("sk_buff.end", 4, self.get("sk_buff.end", 4) + shift)
            self.put("sk_buff.head", 8, start)
            head = start
        self.memory.fill(start, room)
        self.put("sk_buff.data", 8, start)
        self.put("sk_buff.len", 4, self.length + room)
        self.put("sk_buff.mac_header", 2, start - head)
        self.compute_data_pointers()
        self.fit()
        return 0
