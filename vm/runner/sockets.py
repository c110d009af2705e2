"""Where a socket filter's packet begins, by the kind of socket the filter is attached to.

A socket's filter runs where the socket takes the packet, and skb->data points at that layer's header:

packet    -- AF_PACKET, SOCK_RAW: the Ethernet header (packet_rcv(), net/packet/af_packet.c); what tutorials open
dgram     -- AF_PACKET, SOCK_DGRAM: what is behind the Ethernet header
ip        -- AF_INET or AF_INET6, SOCK_RAW: the IP header (raw_rcv(), net/ipv4/raw.c)
transport -- a UDP or TCP socket: the UDP or TCP header (udp_queue_rcv_one_skb(), tcp_filter())
test_run  -- BPF_PROG_TEST_RUN, no socket: behind the Ethernet header, whatever it carries (net/bpf/test_run.c)
"""

from __future__ import annotations

from socket import IPPROTO_TCP, IPPROTO_UDP
from typing import Final, NamedTuple

from vm.errors import InputError
from vm.runner.layout import ETH_HLEN

DEFAULT: Final = "packet"
TEST_RUN: Final = "test_run"
SOCKETS: Final = {
    DEFAULT: "AF_PACKET, SOCK_RAW: the filter sees the Ethernet header",
    "dgram": "AF_PACKET, SOCK_DGRAM: the filter sees what is behind the Ethernet header",
    "ip": "AF_INET or AF_INET6, SOCK_RAW: the filter sees the IP header",
    "transport": "UDP or TCP: the filter sees the UDP or TCP header",
    TEST_RUN: "BPF_PROG_TEST_RUN: the filter sees what is behind the Ethernet header",
}

VLAN_TYPES: Final = (b"\x81\x00", b"\x88\xa8")
ETH_P_IP: Final = b"\x08\x00"
ETH_P_IPV6: Final = b"\x86\xdd"
_IPV6_HEADER: Final = 40
# Extension headers whose length is 8 * (1 + their second byte): hop-by-hop, routing, destination options.
_IPV6_OPTIONS: Final = (0, 43, 60)


class Received(NamedTuple):
    """A packet as it reaches a socket.

    data  -- its bytes without the outermost VLAN tag, which the kernel keeps beside it (skb_vlan_untag())
    start -- where in them the filter's packet begins
    tag   -- the tag's four bytes, b"" if there was none
    beside -- whether skb->vlan_tci holds it; sockets of IP get the packet from the VLAN's own device, which clears it
    """

    data: bytes
    start: int
    tag: bytes = b""
    beside: bool = True


def known_socket(kind: str) -> str:
    """The name itself; InputError for one that is none."""
    if kind not in SOCKETS:
        raise InputError(f"There is no socket {kind!r}; a filter's socket is one of {', '.join(SOCKETS)}.")
    return kind


def receive(data: bytes, kind: str) -> Received:
    """What the filter of a socket is run on; InputError for a packet that socket never gets.

    data -- a whole packet, Ethernet header first
    """
    if known_socket(kind) == TEST_RUN:
        return Received(data, ETH_HLEN)
    tag = b""
    if data[12:14] in VLAN_TYPES and len(data) >= ETH_HLEN + 4:
        data, tag = data[:12] + data[16:], data[12:16]
    if kind == DEFAULT:
        return Received(data, 0, tag)
    if kind == "dgram":
        return Received(data, ETH_HLEN, tag)
    found = _transport(data)
    if found is None:
        raise InputError(f"This is no IP packet, as a socket of the kind {kind!r} gets.")
    protocol, start = found
    if kind == "ip":
        return Received(data, ETH_HLEN, tag, beside=False)
    if protocol not in (IPPROTO_TCP, IPPROTO_UDP) or start > len(data):
        raise InputError(f"This is no UDP or TCP packet, as a socket of the kind {kind!r} gets.")
    return Received(data, start, tag, beside=False)


def _transport(data: bytes) -> tuple[int, int] | None:
    """Protocol number behind the IP header and where its header begins; None for what is no IP packet."""
    kind, at = data[12:14], ETH_HLEN
    if kind == ETH_P_IP and len(data) >= at + 20 and data[at] >> 4 == 4:
        return data[at + 9], at + 4 * (data[at] & 0xF)
    if kind != ETH_P_IPV6 or len(data) < at + _IPV6_HEADER or data[at] >> 4 != 6:
        return None
    protocol, at = data[at + 6], at + _IPV6_HEADER
    while protocol in _IPV6_OPTIONS and at + 8 <= len(data):
        protocol, at = data[at], at + 8 * (1 + data[at + 1])
    return protocol, at
