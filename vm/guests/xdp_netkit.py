"""XDP in a guest: on a device, and on entries of the object's device maps and CPU maps; netkit devices."""

from __future__ import annotations

import struct
from typing import Final

from vm.guests import linux as l
from vm.guests.attaching import Attacher, NotAttached, device
from vm.guests.network import DEVICE, INDEX, NETKIT, NETKIT_INDEX, make_netkit, takes_frames
from vm.guests.wire import Request, Slot
from vm.kernel import types as t
from vm.program import Program

_GENERIC: Final = 2
_NATIVE: Final = 4
_QUEUE: Final = 192
"""Packets that wait for a CPU of a cpumap."""
_WITH_PROGRAM: Final = 8
"""Bytes of a value that names a program (struct bpf_devmap_val, struct bpf_cpumap_val)."""
_FIRST_KEY: Final = 0
# Kind of a program -> (what the section is called, the maps, the first half of a value)
_ENTRIES: Final = {
    t.BPF_XDP_DEVMAP: ("devmap", (t.BPF_MAP_TYPE_DEVMAP, t.BPF_MAP_TYPE_DEVMAP_HASH), INDEX),
    t.BPF_XDP_CPUMAP: ("cpumap", (t.BPF_MAP_TYPE_CPUMAP,), _QUEUE),
}


def xdp(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a program for packets of a device, or for those that are redirected through a map."""
    if program.expected_attach_type in _ENTRIES:
        _to_entry(attacher, program, slot)
        return
    name, index = device(attacher, program)
    if name == DEVICE:
        takes_frames(attacher.machine)
        if not _on_device(attacher, program, slot, index, _NATIVE):
            return
        attacher.where[program.name] = f"{DEVICE}, generic"
    if why := _on_device(attacher, program, slot, index, _GENERIC):
        raise NotAttached(why)


def _on_device(attacher: Attacher, program: Program, slot: Slot, index: int, mode: int) -> str:
    """Why it was not attached to a device in a mode, "" if it was."""
    attr = l.Attr().u32(4, index).u32(8, t.BPF_XDP).u32(12, mode)
    try:
        attacher.command(l.LINK_CREATE, attr, ((0, slot),), f"the device {attacher.where[program.name]}")
    except NotAttached as error:
        return str(error)
    return ""


def _to_entry(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Give a program to the first entry of the object's first map that takes one: veth0, or CPU 0."""
    kind, types, first = _ENTRIES[program.expected_attach_type]
    number = next(
        (
            place
            for place, spec in enumerate(attacher.maps)
            if spec.map_type in types and spec.value_size == _WITH_PROGRAM
        ),
        None,
    )
    if number is None:
        raise NotAttached(f"the object has no {kind} whose values name a program (struct bpf_{kind}_val)")
    if attacher.pair:
        takes_frames(attacher.machine)
    request = Request()
    value = request.place(struct.pack("<II", first, 0))
    at = request.place(bytes(l.ATTR_BYTES))
    key = request.place(struct.pack("<I", _FIRST_KEY))
    request.write(at, bytes(l.Attr().u64(8, key).u64(16, value).u64(24, 0).data))
    patches = ((at, attacher.map_slot(number)), (value + 4, slot))
    request.call(l.BPF, l.MAP_UPDATE_ELEM, at, 32, stop=True, patches=patches)
    name = attacher.maps[number].full_name
    attacher.do(request, f"entry {_FIRST_KEY} of the map {name}")
    attacher.where[program.name] = f"entry {_FIRST_KEY} of {name}"


def netkit(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a program to one end of a pair of netkit devices, which is made for the first one."""
    if not attacher.pair:
        raise NotAttached("the guest has no second network namespace: its image has no veth module")
    if not attacher.netkit:
        made = make_netkit(attacher.machine)
        if made:
            raise NotAttached(f"the kernel made no netkit devices, which need Linux 6.7: it answered {made}")
        attacher.netkit = True
    attr = l.Attr().u32(4, NETKIT_INDEX).u32(8, program.expected_attach_type).u64(24, 0)
    attacher.command(l.LINK_CREATE, attr, ((0, slot),), f"the device {NETKIT}")
    attacher.where[program.name] = (
        NETKIT if program.expected_attach_type == t.BPF_NETKIT_PRIMARY else f"{NETKIT}'s peer"
    )
