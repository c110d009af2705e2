"""Runs single packets by BPF_PROG_TEST_RUN in a guest, with maps that no other program uses."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.guests import linux as l
from vm.guests.entries import Before, put_entries
from vm.guests.kernel import GuestKernel
from vm.guests.loading import Load
from vm.guests.machine import Machine
from vm.guests.wire import Read, Request
from vm.kernel import types as t
from vm.program import Object, Program

MAX_PACKETS: Final = 64
MAX_BYTES: Final = 65_535
# Types whose test run takes a packet.
PACKET_TYPES: Final = frozenset(
    {
        t.BPF_PROG_TYPE_SOCKET_FILTER, t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_PROG_TYPE_SCHED_ACT, t.BPF_PROG_TYPE_XDP,
        t.BPF_PROG_TYPE_CGROUP_SKB, t.BPF_PROG_TYPE_LWT_IN, t.BPF_PROG_TYPE_LWT_OUT, t.BPF_PROG_TYPE_LWT_XMIT,
        t.BPF_PROG_TYPE_LWT_SEG6LOCAL,
    }
)  # fmt: skip
_RETVAL: Final = 4  # of the attribute: retval, data_size_in, data_size_out
_SIZE_OUT: Final = 12
_ATTR: Final = 48


class Packets(NamedTuple):
    """A program and its packets, which are run one after the other."""

    program: Program
    packets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """The result for one packet.

    number -- of the packet, from 0
    errno  -- negative: why it was not run
    retval -- what the program returned, 32 bits
    out    -- the packet after the run
    """

    number: int
    errno: int
    retval: int = 0
    out: bytes = b""


def single_runs(
    machine: Machine, kernel: GuestKernel, obj: Object, packets: Packets, before: Before | None = None
) -> Iterator[Received]:
    """Run the program on each packet, at most MAX_PACKETS; nothing if the kernel does not accept it.

    before -- entries of its maps
    InputError if one of them is refused, GuestError if the guest is lost.
    """
    if packets.program.prog_type not in PACKET_TYPES:
        return
    ((slot, said),) = Load(machine, kernel, obj, packets.program).together([packets.program])
    if said.verdict != "accept":
        return
    if before is not None:
        put_entries(machine, obj, before)
    for number, data in enumerate(packets.packets[:MAX_PACKETS]):
        request = Request()
        out = request.room(MAX_BYTES + 512)
        at = request.room(l.ATTR_BYTES)
        attr = l.Attr().u32(8, len(data)).u32(_SIZE_OUT, MAX_BYTES + 512).u64(16, request.place(data)).u64(24, out)
        request.write(at, bytes(attr.u32(32, 1).data))
        reads = (Read(at, _ATTR), Read(out, MAX_BYTES + 512))
        request.call(l.BPF, l.PROG_TEST_RUN, at, _ATTR, patches=((at, slot),), reads=reads)
        (result,) = machine.run(request)
        if result.failed:
            yield Received(number, result.value)
            continue
        retval, _, size = struct.unpack_from("<III", result.data[0], _RETVAL)
        yield Received(number, 0, retval, result.data[1][: min(size, MAX_BYTES + 512)])
