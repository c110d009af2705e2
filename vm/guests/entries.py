"""What an application does to an object between loading and attaching it: entries of maps, and devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm.errors import InputError
from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.slots import map_slot
from vm.guests.wire import Request
from vm.program import Object


@dataclass(frozen=True, slots=True)
class Before:
    """Before the programs are attached.

    entries -- (place of the map in the object, key, value), written in their order
    devices -- by program, the network device that it is attached to
    """

    entries: tuple[tuple[int, bytes, bytes], ...] = ()
    devices: Mapping[str, str] = field(default_factory=dict)


def put_entries(machine: Machine, obj: Object, before: Before) -> None:
    """Write the entries to the object's maps, which are made. InputError for one that the kernel refuses."""
    request = Request()
    calls = []
    for number, key, value in before.entries:
        at = request.place(bytes(l.ATTR_BYTES))
        attr = l.Attr().u64(8, request.place(key)).u64(16, request.place(value)).u64(24, 0)
        request.write(at, bytes(attr.data))
        calls.append(request.call(l.BPF, l.MAP_UPDATE_ELEM, at, attr.size, patches=((at, map_slot(number)),)))
    results = machine.run(request) if calls else ()
    for (number, key, _), call in zip(before.entries, calls, strict=True):
        if results[call].failed:
            name = obj.maps[number].full_name
            raise InputError(
                f"The map {name}: the kernel refused the entry whose key is {key.hex()} in hex; it answered "
                f"{results[call].value}."
            )
