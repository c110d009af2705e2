"""sk_msg and sk_skb programs: on a map of the object, to which both ends of a TCP connection are added.

The connection is made before anything is attached. Its ends are descriptors of the guest's init, which workloads
inherit: what a line of shell writes to one of them comes out of the other one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from vm.guests import linux as l
from vm.guests.attaching import Attacher, NotAttached, loopback_up
from vm.guests.traffic import CLIENT, SERVER
from vm.guests.wire import Request, Slot
from vm.kernel import types as t
from vm.kernel.errno import E2BIG, EBUSY
from vm.program import Program

TYPES: Final = frozenset({t.BPF_PROG_TYPE_SK_MSG, t.BPF_PROG_TYPE_SK_SKB})
_MAPS: Final = frozenset({t.BPF_MAP_TYPE_SOCKMAP, t.BPF_MAP_TYPE_SOCKHASH})
_AF_INET, _STREAM = 2, 1
_ADDRESS: Final = struct.pack("<HH4B8x", _AF_INET, int.from_bytes(struct.pack(">H", 7999), "little"), 127, 0, 0, 1)


def connect(attacher: Attacher, programs: Iterable[Program]) -> None:
    """Make the connection if one of the loaded programs is for sockets of a map."""
    attacher.waiting = [each for each in programs if each.prog_type in TYPES and each.name in attacher.loaded]
    if not attacher.waiting:
        return
    loopback_up(attacher)
    request, listens, client, server = Request(), *(attacher.slot() for _ in range(3))
    address = request.place(_ADDRESS)
    request.call(l.SOCKET, _AF_INET, _STREAM, 0, keep=listens.number, stop=True)
    request.call(l.BIND, listens, address, len(_ADDRESS), stop=True)
    request.call(l.LISTEN, listens, 1, stop=True)
    request.call(l.SOCKET, _AF_INET, _STREAM, 0, keep=client.number, stop=True)
    request.call(l.CONNECT, client, address, len(_ADDRESS), stop=True)
    request.call(l.ACCEPT, listens, 0, 0, keep=server.number, stop=True)
    for slot, number in ((client, CLIENT), (server, SERVER)):
        request.call(l.DUP2, slot, number, stop=True)
        request.call(l.CLOSE, slot)
    request.call(l.CLOSE, listens)
    attacher.do(request, "a TCP connection for the sockets of a map")


def sockmap(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a program to the first map of sockets that it uses, else of the object; the last one adds the sockets.

    A socket gets the programs that its map has when it is added to it.
    """
    attacher.waiting = [each for each in attacher.waiting if each.name != program.name]
    number = _map_of(attacher, program)
    try:
        _on_map(attacher, program, slot, number)
    finally:
        if not any(_map_of(attacher, each) == number for each in attacher.waiting):
            _add_sockets(attacher, number)


def _on_map(attacher: Attacher, program: Program, slot: Slot, number: int) -> None:
    request, kind = Request(), program.expected_attach_type or t.BPF_SK_SKB_STREAM_VERDICT
    at = request.place(bytes(l.Attr().u32(8, kind).u32(12, 0).data))
    request.call(l.BPF, l.PROG_ATTACH, at, 16, stop=True, patches=((at, attacher.map_slot(number)), (at + 4, slot)))
    attacher.do(request, f"the map '{attacher.maps[number].full_name}'")
    attacher.where[program.name] = attacher.maps[number].full_name


def _map_of(attacher: Attacher, program: Program) -> int:
    own = {spec.full_name for spec in program.maps}
    there = [number for number, spec in enumerate(attacher.maps) if spec.map_type in _MAPS]
    if not there:
        raise NotAttached("the object has no sockmap or sockhash, for whose sockets it would run")
    return next((number for number in there if attacher.maps[number].full_name in own), there[0])


def _add_sockets(attacher: Attacher, number: int) -> None:
    """Both ends, with the keys 0 and 1; one of them if there is no room for more."""
    spec, request = attacher.maps[number], Request()
    for key, descriptor in enumerate((CLIENT, SERVER)):
        at = request.place(bytes(l.ATTR_BYTES))
        placed = request.place(key.to_bytes(max(spec.key_size, 4), "little"))
        value = request.place(descriptor.to_bytes(max(spec.value_size, 4), "little"))
        request.write(at, bytes(l.Attr().u64(8, placed).u64(16, value).u64(24, 0).data))
        request.call(l.BPF, l.MAP_UPDATE_ELEM, at, 32, patches=((at, attacher.map_slot(number)),))
    for key, result in enumerate(attacher.machine.run(request)):
        # A program of the object may have added the socket itself: then it has its programs already.
        if result.failed and result.value not in (-EBUSY, -E2BIG if key else 0):
            raise NotAttached(f"a socket was not added to '{spec.full_name}': the kernel answered {result.value}")
