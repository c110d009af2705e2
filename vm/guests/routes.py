"""lwt_* programs: on routes of the guest that are made or replaced through netlink.

Their encapsulations are LWTUNNEL_ENCAP_BPF and LWTUNNEL_ENCAP_SEG6_LOCAL with the action End.BPF.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from vm.guests.attaching import Attacher, NotAttached, device, loopback_up
from vm.guests.network import ADDRESS, DEVICE, LOOPBACK, PEER, attribute, talk
from vm.guests.wire import Slot
from vm.kernel import types as t
from vm.program import Program

SEGMENT: Final = "fc00::1"
"""The segment of lwt_seg6local programs, to which /bin/sockets sends a packet (sockets.c)."""
_NEWROUTE: Final = 24
_REPLACE: Final = 0x505  # NLM_F_REQUEST, ACK, REPLACE, CREATE
_MAIN, _LOCAL = 254, 255  # tables
_UNICAST, _TYPE_LOCAL = 1, 2
_LINK, _HOST = 253, 254  # scopes
_STATIC: Final = 4
_DST, _OIF, _IN_TABLE, _ENCAP_TYPE, _ENCAP = 1, 4, 15, 21, 22  # enum rtattr_type_t
_ENCAP_BPF, _ENCAP_SEG6_LOCAL = 6, 7
# Type of a program -> its attribute of the encapsulation (LWT_BPF_IN, LWT_BPF_OUT, LWT_BPF_XMIT)
_KINDS: Final = {t.BPF_PROG_TYPE_LWT_IN: 1, t.BPF_PROG_TYPE_LWT_OUT: 2, t.BPF_PROG_TYPE_LWT_XMIT: 3}
_SEG6_ACTION, _SEG6_BPF, _END_BPF = 1, 8, 15
_INET, _INET6 = 2, 10


class _Route(NamedTuple):
    text: str
    address: bytes
    table: int
    kind: int
    scope: int


def _ipv4(text: str, address: str, *, local: bool) -> _Route:
    number = bytes(map(int, address.split(".")))
    return _Route(text, number, *((_LOCAL, _TYPE_LOCAL, _HOST) if local else (_MAIN, _UNICAST, _LINK)))


_ARRIVES: Final = _ipv4(f"the route to {ADDRESS} itself", ADDRESS, local=True)
_LEAVES: Final = _ipv4(f"the route to {PEER}", PEER, local=False)
_OWN: Final = _ipv4("the route to 127.0.0.1", "127.0.0.1", local=True)


def lightweight(attacher: Attacher, program: Program, slot: Slot) -> None:
    """lwt_in on the route of packets that come in for veth0's address, lwt_out and lwt_xmit on the route to its peer;
    all of them on the loopback device's own route if that is the device."""
    name, index = device(attacher, program)
    route = _OWN if name != DEVICE else _ARRIVES if program.prog_type == t.BPF_PROG_TYPE_LWT_IN else _LEAVES
    kind = _KINDS[program.prog_type]
    there = attacher.routes.setdefault(route.text, {})
    if kind in there:
        raise NotAttached(f"{route.text} has a program of this type already, and takes one")
    parts = {**there, kind: slot}
    pieces = [attribute(each, attribute(2, b"bpfscope\0") + attribute(1, bytes(4))) for each in parts]
    patches = [
        (-sum(map(len, pieces[number:])) + len(piece) - 4, given)
        for number, (piece, given) in enumerate(zip(pieces, parts.values(), strict=True))
    ]
    body = _body(_INET, route, index, _ENCAP_BPF, b"".join(pieces))
    _told(talk(attacher.machine, _NEWROUTE, _REPLACE, body, tuple(patches)), route.text)
    there[kind] = slot
    attacher.where[program.name] = route.text


def segment(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach an lwt_seg6local program to a route of a segment (End.BPF)."""
    loopback_up(attacher)
    address = bytes.fromhex("fc00") + bytes(13) + b"\x01"
    text = f"the route to the segment {SEGMENT}"
    if attacher.routes.setdefault(text, {}):
        raise NotAttached(f"{text} has a program already, and takes one")
    does = attribute(_SEG6_ACTION, struct.pack("<I", _END_BPF))
    given = attribute(_SEG6_BPF, attribute(2, b"bpfscope\0") + attribute(1, bytes(4)))
    route = _Route(text, address, _MAIN, _TYPE_LOCAL, 0)
    body = _body(_INET6, route, LOOPBACK, _ENCAP_SEG6_LOCAL, does + given)
    _told(talk(attacher.machine, _NEWROUTE, _REPLACE, body, ((-4, slot),)), text)
    attacher.routes[text][0] = slot
    attacher.where[program.name] = text


def _body(family: int, route: _Route, index: int, encapsulation: int, inside: bytes) -> bytes:
    """struct rtmsg and its attributes; the encapsulation's own are last."""
    head = struct.pack(
        "<8BI", family, 8 * len(route.address), 0, 0, route.table, _STATIC, route.scope, route.kind, 0
    )  # fmt: skip
    about = attribute(_DST, route.address) + attribute(_OIF, struct.pack("<I", index))
    about += attribute(_IN_TABLE, struct.pack("<I", route.table))
    return head + about + attribute(_ENCAP_TYPE, struct.pack("<H", encapsulation)) + attribute(_ENCAP, inside)


def _told(error: int, text: str) -> None:
    if error:
        raise NotAttached(f"{text}: the kernel answered {error}")
