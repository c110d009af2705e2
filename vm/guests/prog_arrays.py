"""Program arrays with initial contents, which libbpf fills once programs are loaded (bpf_object_init_prog_arrays)."""

from __future__ import annotations

import errno as errors
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.slots import map_slot
from vm.guests.wire import Request, Slot
from vm.kernel import types as t
from vm.program import Object

_NOTHING: Final = 0xFFFF_FFFF
"""The file descriptor of a program that was not loaded, -1."""


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A slot that could not be filled. errno -- negative; program -- that it is for; why -- a sentence"""

    errno: int
    program: str
    why: str


def fill_prog_arrays(machine: Machine, obj: Object, loaded: Mapping[str, Slot], *, all_of: bool) -> Unfilled | None:
    """Fill the program arrays of an object whose maps are made; the first slot for which that fails.

    loaded -- the slots of its loaded programs, by name
    all_of -- whether programs that are not loaded are tried as well: libbpf does, the kernel answers EBADF and the
              object is given up
    """
    request = Request()
    calls = []
    for number, spec in enumerate(obj.maps):
        if spec.map_type != t.BPF_MAP_TYPE_PROG_ARRAY:
            continue
        for place, target in sorted((place, str(target)) for place, target in spec.init_slots):
            program = loaded.get(target)
            if program is None and not all_of:
                continue
            value = request.place(struct.pack("<I", _NOTHING))
            at = request.place(bytes(l.ATTR_BYTES))
            attr = l.Attr().u64(8, request.place(struct.pack("<I", place))).u64(16, value).u64(24, 0)
            request.write(at, bytes(attr.data))
            patches = [(at, map_slot(number))] + ([(value, program)] if program is not None else [])
            call = request.call(l.BPF, l.MAP_UPDATE_ELEM, at, attr.size, stop=True, patches=tuple(patches))
            calls.append((call, spec.full_name, place, target))
    results = machine.run(request) if calls else []
    for call, name, place, target in calls:
        if results[call].failed:
            number = results[call].value
            said = errors.errorcode.get(-number, str(number))
            why = f"libbpf gives up the object: the kernel answered {said} for slot {place} of '{name}'"
            why += "." if target in loaded else f", because '{target}' was not loaded with it."
            return Unfilled(number, target, why)
    return None
