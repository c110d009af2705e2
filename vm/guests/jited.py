"""A loaded program's machine code in a guest: BPF_OBJ_GET_INFO_BY_FD, with the line information of the code."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.wire import GuestError, Read, Request, Slot
from vm.program import Program
from vm.recorded.values import Place, RecordedCode, fingerprint

_INFO_BYTES: Final = 232
_MOST_CODE: Final = 4 << 20
_MOST_FUNCTIONS: Final = 256
_MOST_LINES: Final = 1 << 16
_LINE_BYTES: Final = 16
# struct bpf_prog_info: offsets of the counts, and of the addresses that go with them.
_JITED_LEN, _NR_KSYMS, _NR_LENS, _NR_LINES, _NR_JITED_LINES = 16, 104, 108, 148, 168
_JITED, _KSYMS, _LENS, _LINES, _JITED_LINES = 24, 112, 120, 152, 160
_LINE_SIZES: Final = ((172, _LINE_BYTES), (176, 8))
_COLUMN_BITS: Final = 10


def jited(machine: Machine, program: Program, slot: Slot) -> RecordedCode:
    """The machine code of a loaded program; GuestError if the kernel does not return it."""
    sizes = _info(machine, slot, {})[0]
    code, functions, lines = (_u32(sizes, at) for at in (_JITED_LEN, _NR_KSYMS, _NR_JITED_LINES))
    if not code or not functions or code > _MOST_CODE or functions > _MOST_FUNCTIONS or lines > _MOST_LINES:
        raise GuestError("protocol", f"The kernel does not tell the machine code of {program.name}.")
    wanted = {
        _JITED: (_JITED_LEN, code, code), _KSYMS: (_NR_KSYMS, functions, 8 * functions),
        _LENS: (_NR_LENS, functions, 4 * functions), _LINES: (_NR_LINES, lines, _LINE_BYTES * lines),
        _JITED_LINES: (_NR_JITED_LINES, lines, 8 * lines),
    }  # fmt: skip
    _, image, symbols, lengths, told, addresses = _info(machine, slot, wanted)
    places = tuple(
        Place(address, length)
        for address, length in zip(
            struct.unpack(f"<{functions}Q", symbols), struct.unpack(f"<{functions}I", lengths), strict=True
        )
    )
    if sum(place.length for place in places) != code or not all(place.address for place in places):
        raise GuestError("protocol", f"The kernel does not tell where the machine code of {program.name} is.")
    found = RecordedCode(program.name, fingerprint(program), image, places, ())
    entries = list(struct.iter_unpack("<IIII", told))
    at = struct.unpack(f"<{lines}Q", addresses)
    return RecordedCode(
        program.name, found.fingerprint, image, places, tuple(sorted(_matched(program, found, entries, at)))
    )


def _matched(
    program: Program, code: RecordedCode, entries: list[tuple[int, ...]], addresses: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """(offset, slot) of line entries: the kernel drops those of code it removed and keeps the others in order."""
    assert program.btf is not None
    mine = [
        (
            program.btf.string_offset(info.file), program.btf.string_offset(info.text),
            info.line << _COLUMN_BITS | info.column, info.insn_off,
        )
        for info in program.line_infos
    ]  # fmt: skip
    number = 0
    for (_, file, text, line), address in zip(entries, addresses, strict=True):
        while number < len(mine) and mine[number][:3] != (file, text, line):
            number += 1
        if number == len(mine):
            return
        offset = code.offset(address)
        if offset is not None:
            yield offset, mine[number][3]
        number += 1


def _info(machine: Machine, slot: Slot, wanted: dict[int, tuple[int, int, int]]) -> tuple[bytes, ...]:
    """struct bpf_prog_info, and the arrays asked for: by the place of an array's address (place and value of its count,
    bytes)."""
    request = Request()
    info = bytearray(_INFO_BYTES)
    reads = []
    for place, (counted, count, size) in wanted.items():
        room = request.room(max(1, size))
        struct.pack_into("<I", info, counted, count)
        struct.pack_into("<Q", info, place, room)
        reads.append(Read(room, size))
    for place, size in _LINE_SIZES:
        struct.pack_into("<I", info, place, size)
    at = request.place(bytes(info))
    attr = request.place(bytes(l.Attr().u32(4, _INFO_BYTES).u64(8, at).data))
    request.call(l.BPF, l.OBJ_GET_INFO_BY_FD, attr, 16, patches=((attr, slot),), reads=(Read(at, _INFO_BYTES), *reads))
    result = machine.run(request)[0]
    if result.failed:
        raise GuestError("protocol", f"The kernel does not tell about the program ({result.value}).")
    return result.data


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
