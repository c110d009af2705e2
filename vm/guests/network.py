"""The network of a run: a veth pair, the peer of which is in a separate network namespace.

The kernel answers ARP and ping for the peer; a shell starts programs there with `nsenter --net=/peer`. Packets between
ADDRESS and PEER cross the pair, so programs on DEVICE see them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.wire import Read, Request, Slot
from vm.kernel import types as t

DEVICE: Final = "veth0"
INDEX: Final = 2
NETKIT: Final = "nk0"
NETKIT_INDEX: Final = 4
NETKIT_ADDRESS: Final = "10.0.1.1"
NETKIT_PEER: Final = "10.0.1.2"
ADDRESS: Final = "10.0.0.1"
PEER: Final = "10.0.0.2"
NAMESPACE: Final = "/peer"
LOOPBACK: Final = 1
_PEER_DEVICE: Final = "veth1"
_PEER_INDEX: Final = 3
_NETKIT_PEER_DEVICE: Final = "nk1"
_NETKIT_PEER_INDEX: Final = 5
_NETLINK: Final = 16
_NEWLINK: Final = 16
_NEWADDR: Final = 20
_CREATE: Final = 0x605  # NLM_F_REQUEST, ACK, EXCL, CREATE
_CHANGE: Final = 5  # NLM_F_REQUEST, ACK
_UP: Final = 1
_NEWNET: Final = 0x4000_0000
_BIND: Final = 4096
_HERE: Final = Slot(3910)
_THERE: Final = Slot(3911)
_SOCKET: Final = Slot(3912)
_PASS: Final = Slot(3913)
_PASS_LINK: Final = Slot(3914)
_NATIVE_XDP: Final = 4
_OURS: Final = "/proc/self/ns/net"


def attribute(kind: int, data: bytes) -> bytes:
    """A netlink attribute."""
    return struct.pack("<HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def talk(machine: Machine, kind: int, flags: int, body: bytes, slots: tuple[tuple[int, Slot], ...] = ()) -> int:
    """Send a netlink message; the error it is answered with, 0 for none.

    slots -- (place from its end, what goes there)
    """
    request = Request()
    message = struct.pack("<IHHII", 16 + len(body), kind, flags, 1, 0) + body
    at, room = request.place(message), request.room(4096)
    request.call(l.SOCKET, _NETLINK, 3, 0, keep=_SOCKET.number, stop=True)
    patches = tuple((at + len(message) + place, slot) for place, slot in slots)
    request.call(l.SENDTO, _SOCKET, at, len(message), 0, 0, 0, stop=True, patches=patches)
    request.call(l.RECVFROM, _SOCKET, room, 4096, 0, 0, 0, stop=True, reads=(Read(room, 20),))
    results = machine.run(request)
    close = Request()
    close.call(l.CLOSE, _SOCKET)
    machine.run(close)
    if results[-1].failed or results[-1].value < 20:
        return next((each.value for each in results if each.failed and not each.skipped), -1)
    return int(struct.unpack_from("<i", results[-1].data[0], 16)[0])


def module(machine: Machine, name: str) -> bool:
    """Load a module of the guest's image; whether the image has it."""
    request = Request()
    request.call(l.OPEN, request.text(f"/net/{name}.ko"), l.O_RDONLY, keep=_SOCKET.number, stop=True)
    request.call(l.FINIT_MODULE, _SOCKET, request.text(""), 0)
    request.call(l.CLOSE, _SOCKET)
    return not machine.run(request)[0].failed


def make_pair(machine: Machine) -> bool:
    """Creates the pair and its namespace; False if the image has no veth module."""
    if not module(machine, "veth"):
        return False
    request = Request()
    request.call(l.OPEN, request.text(_OURS), l.O_RDONLY, keep=_HERE.number, stop=True)
    request.call(l.OPEN, request.text(NAMESPACE), l.O_RDWR | l.O_CREAT, 0o600, stop=True)
    request.call(l.UNSHARE, _NEWNET, stop=True)
    request.call(l.OPEN, request.text(_OURS), l.O_RDONLY, keep=_THERE.number)
    request.call(l.MOUNT, request.text(_OURS), request.text(NAMESPACE), 0, _BIND, 0)
    request.call(l.SETNS, _HERE, _NEWNET)
    if any(result.failed for result in machine.run(request)):
        return False
    made = _link(machine, "veth", (INDEX, DEVICE), (_PEER_INDEX, _PEER_DEVICE)) or _up(machine, LOOPBACK)
    made = made or _ready(machine, INDEX, ADDRESS)
    with _in_peer(machine):
        made = made or _up(machine, LOOPBACK) or _ready(machine, _PEER_INDEX, PEER)
    return not made


def make_netkit(machine: Machine) -> int:
    """Make a pair of netkit devices between the namespaces of the pair that was made; the kernel's error, or 0."""
    ends = (NETKIT_INDEX, NETKIT), (_NETKIT_PEER_INDEX, _NETKIT_PEER_DEVICE)
    made = _link(machine, "netkit", *ends) or _ready(machine, NETKIT_INDEX, NETKIT_ADDRESS)
    with _in_peer(machine):
        return made or _ready(machine, _NETKIT_PEER_INDEX, NETKIT_PEER)


def takes_frames(machine: Machine) -> None:
    """Have the peer's device take frames that a program transmits or redirects: it needs a native XDP program of its
    own for that, one that passes everything. Nothing happens if it has one already."""
    code = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit
    request = Request()
    attr = l.Attr().u32(0, t.BPF_PROG_TYPE_XDP).u32(4, 2).u64(8, request.place(code)).u64(16, request.text("GPL"))
    request.call(l.BPF, l.PROG_LOAD, request.place(bytes(attr.data)), attr.size, keep=_PASS.number, stop=True)
    attr = l.Attr().u32(4, _PEER_INDEX).u32(8, t.BPF_XDP).u32(12, _NATIVE_XDP)
    at = request.place(bytes(attr.data))
    request.call(l.BPF, l.LINK_CREATE, at, attr.size, keep=_PASS_LINK.number, patches=((at, _PASS),))
    with _in_peer(machine):
        machine.run(request)


@contextmanager
def _in_peer(machine: Machine) -> Iterator[None]:
    """What is asked meanwhile is asked in the peer's namespace."""
    _in(machine, _THERE)
    try:
        yield
    finally:
        _in(machine, _HERE)


def _in(machine: Machine, where: Slot) -> None:
    request = Request()
    request.call(l.SETNS, where, _NEWNET)
    machine.run(request)


def _link(machine: Machine, kind: str, here: tuple[int, str], there: tuple[int, str]) -> int:
    """Make a pair of devices, one in the peer's namespace."""

    def info(index: int, name: str) -> bytes:
        return struct.pack("<BxHiII", 0, 0, index, 0, 0) + attribute(3, name.encode() + b"\0")

    peer = info(*there) + attribute(28, bytes(4))  # IFLA_NET_NS_FD
    about = attribute(1, kind.encode() + b"\0") + attribute(2, attribute(1, peer))
    return talk(machine, _NEWLINK, _CREATE, info(*here) + attribute(18, about), ((-4, _THERE),))


def _ready(machine: Machine, index: int, address: str) -> int:
    return _up(machine, index) or _address(machine, index, address)


def _up(machine: Machine, index: int) -> int:
    return talk(machine, _NEWLINK, _CHANGE, struct.pack("<BxHiII", 0, 0, index, _UP, _UP))


def _address(machine: Machine, index: int, address: str) -> int:
    number = bytes(map(int, address.split(".")))
    body = struct.pack("<BBBBI", 2, 24, 0, 0, index) + attribute(2, number) + attribute(1, number)
    return talk(machine, _NEWADDR, _CREATE, body)
