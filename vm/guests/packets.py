"""Runs programs on given packets (BPF_PROG_TEST_RUN) and records them, to compare the emulated machine with."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.guests import linux as l
from vm.guests.jited import jited
from vm.guests.kernel import GuestKernel
from vm.guests.loading import Load
from vm.guests.machine import Machine
from vm.guests.recorder import Choice, Recorder
from vm.guests.wire import GuestError, Read, Request
from vm.program import Object, Program
from vm.recorded.values import RecordedCode, RecordedEvent

_OUT_BYTES: Final = 1 << 16


class OnPacket(NamedTuple):
    """A packet's run: the event, what the program returned, and the packet it left."""

    event: RecordedEvent
    returned: int
    packet: bytes


def on_packets(
    machine: Machine, kernel: GuestKernel, obj: Object, program: Program, packets: Sequence[bytes]
) -> tuple[RecordedCode, list[OnPacket]]:
    """Load a program with its object's maps and run it on each packet. The machine was restored for debugging.

    GuestError if the kernel refuses the program or a packet.
    """
    load = Load(machine, kernel, obj, program)
    ((slot, said),) = load.together([program])
    if said.verdict != "accept":
        raise GuestError("protocol", f"The kernel refuses {program.name}: {said.why or said.verdict}")
    code = jited(machine, program, slot)
    recorder = Recorder(machine, kernel, [code], [program], Choice(events=len(packets), task="init"))
    recorder.start()
    done = []
    for packet in packets:
        request = Request()
        given, room = request.place(packet), request.room(_OUT_BYTES)
        attr = l.Attr().u32(8, len(packet)).u32(12, _OUT_BYTES).u64(16, given).u64(24, room).u32(32, 1)
        at = request.place(bytes(attr.data))
        request.call(
            l.BPF, l.PROG_TEST_RUN, at, 80, patches=((at, slot),), reads=(Read(at, 80), Read(room, _OUT_BYTES))
        )
        result = machine.run(request)[0]
        taken = recorder.take()
        if result.failed or len(taken) != 1:
            raise GuestError("protocol", f"The kernel did not run {program.name} on a packet ({result.value}).")
        returned, _, size = struct.unpack_from("<III", result.data[0], 4)
        done.append(OnPacket(taken[0][0], returned, result.data[1][:size]))
    return code, done
