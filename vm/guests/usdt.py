"""USDT probes: a program's own notes say where they are and where their arguments lie; attaching as libbpf does it.

The note is SystemTap's (.note.stapsdt): three addresses (the probe, a base, a semaphore), then three texts (provider,
name, arguments). How an argument is fetched is told to the BPF program through its map __bpf_usdt_specs, whose layout
is that of <bpf/usdt.bpf.h>; which entry is meant by the probe's cookie, or where the kernel has none, by its address.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from vm.guests import linux as l
from vm.guests.attaching import Attacher, NotAttached, name_of, perf_attr
from vm.guests.wire import Request, Slot
from vm.kernel import types as t
from vm.program import Program

MOST_BINARY: Final = 8 << 20
MOST_PROBES: Final = 64
MOST_ARGUMENTS: Final = 12
_SPECS: Final = "__bpf_usdt_specs"
_PLACES: Final = "__bpf_usdt_ip_to_spec_id"
_SPEC_BYTES: Final = 208
_NOTE: Final = 3
_CONSTANT, _REGISTER, _MEMORY = 0, 1, 2
_SEMAPHORE_SHIFT: Final = 32
# struct pt_regs, 8 bytes each.
_ORDER: Final = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
    "rip", "cs", "flags", "rsp",
)  # fmt: skip
_OFFSETS: Final = {name: 8 * place for place, name in enumerate(_ORDER)}
_OLD: Final = ("a", "b", "c", "d")
# Names of parts of registers: eax, ax and al are rax; edi, di and dil rdi; r8d, r8w and r8b r8.
_PARTS: Final = {
    **{f"{form}": f"r{letter}x" for letter in _OLD for form in (f"e{letter}x", f"{letter}x", f"{letter}l")},
    **{form: f"r{name}" for name in ("si", "di", "bp", "sp") for form in (f"e{name}", name, f"{name}l")},
    **{f"r{number}{part}": f"r{number}" for number in range(8, 16) for part in "dwb"},
}
_ARGUMENT: Final = re.compile(
    r"(?P<size>-?[1248])@(?:\$(?P<constant>-?(?:0x[0-9a-fA-F]+|\d+))|%(?P<register>\w+)"
    r"|(?P<offset>-?(?:0x[0-9a-fA-F]+|\d+))?\(%(?P<base>\w+)\))"
)


class Probe(NamedTuple):
    """A note. address -- of the probe as it was linked; semaphore -- address of its counter, 0: none"""

    provider: str
    name: str
    address: int
    semaphore: int
    arguments: str


class Binary(NamedTuple):
    """An ELF file. segments -- (address, size, place in the file); fixed -- whether it lies where it was linked for"""

    probes: tuple[Probe, ...]
    segments: tuple[tuple[int, int, int], ...]
    fixed: bool

    def offset(self, address: int) -> int:
        """Where an address lies in the file; 0 for 0. NotAttached if it is not in it."""
        if not address:
            return 0
        for start, size, place in self.segments:
            if start <= address < start + size:
                return address - start + place
        raise NotAttached(f"its probe is at {address:#x}, which is not in the file")


def binary(data: bytes) -> Binary:
    """What is to be known of an ELF file. NotAttached if it is none that can be read."""
    try:
        elf: Any = ELFFile(io.BytesIO(data))
        found = [section.data() for section in elf.iter_sections() if section.name == ".note.stapsdt"]
        loaded = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
        segments = tuple((int(each["p_vaddr"]), int(each["p_memsz"]), int(each["p_offset"])) for each in loaded)
        return Binary(tuple(each for notes in found for each in _notes(notes)), segments, elf["e_type"] == "ET_EXEC")
    except (ELFError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise NotAttached(f"its file is no ELF file that can be read: {str(error)[:100]}") from None


def _notes(data: bytes) -> Iterator[Probe]:
    at = 0
    while at + 12 <= len(data):
        owner, size, kind = struct.unpack_from("<III", data, at)
        start = at + 12 + _aligned(owner)
        at = start + _aligned(size)
        body = data[start : start + size]
        texts = body[24:].split(b"\0")
        if kind == _NOTE and data[start - _aligned(owner) :][:owner] == b"stapsdt\0" and len(texts) >= 3:
            address, _, semaphore = struct.unpack_from("<QQQ", body)
            provider, name, arguments = (text.decode("ascii", "replace") for text in texts[:3])
            yield Probe(provider, name, address, semaphore, arguments)


def _aligned(size: int) -> int:
    return -(-size // 4) * 4


def spec(arguments: str, cookie: int = 0) -> bytes:
    """What __bpf_usdt_specs holds of a probe. NotAttached for an argument of a form that is not known."""
    words = arguments.split()
    if len(words) > MOST_ARGUMENTS:
        raise NotAttached(f"its probe has {len(words)} arguments; at most {MOST_ARGUMENTS} can be told")
    told = b"".join(map(_argument, words))
    return (told.ljust(16 * MOST_ARGUMENTS, b"\0") + struct.pack("<Qh", cookie, len(words))).ljust(_SPEC_BYTES, b"\0")


def _argument(text: str) -> bytes:
    found = _ARGUMENT.fullmatch(text)
    if found is None:
        raise NotAttached(f"its probe has an argument '{text[:40]}', whose form is not known")
    size = int(found["size"])
    if found["constant"] is not None:
        kind, value, register = _CONSTANT, int(found["constant"], 0), None
    elif found["register"] is not None:
        kind, value, register = _REGISTER, 0, found["register"]
    else:
        kind, value, register = _MEMORY, int(found["offset"] or "0", 0), found["base"]
    place = 0
    if register is not None:
        known = _OFFSETS.get(_PARTS.get(register, register))
        if known is None:
            raise NotAttached(f"its probe has an argument in a register '{register[:20]}' that is not known")
        place = known
    return struct.pack("<QIhBb", value & 0xFFFF_FFFF_FFFF_FFFF, kind, place, size < 0, 64 - 8 * abs(size))


def usdt(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a program to the probes that its section names: "usdt//bin/sockets:bpfscope:sent"."""
    path, _, rest = name_of(program).partition(":")
    provider, _, name = rest.partition(":")
    if not path.startswith("/") or not provider or not name:
        raise NotAttached(f'its section "{program.section}" does not name a file, a provider and a probe')
    maps = {each.full_name: number for number, each in enumerate(attacher.maps)}
    if _SPECS not in maps or _PLACES not in maps:
        raise NotAttached(f"the object has no map {_SPECS}: it has to include <bpf/usdt.bpf.h>")
    data = attacher.file(path, MOST_BINARY)
    if not data:
        raise NotAttached(f"the guest has no file '{path}': /bin/sockets has probes")
    file = binary(data)
    found = [each for each in file.probes if (each.provider, each.name) == (provider, name)][:MOST_PROBES]
    if not found:
        there = sorted({f"{each.provider}:{each.name}"[:64] for each in file.probes})[:8]
        raise NotAttached(f"'{path}' has no such probe; it has {', '.join(there) or 'none'}")
    numbers = []
    for each in found:
        number = attacher.probes
        attacher.probes += 1
        _put(attacher, maps[_SPECS], struct.pack("<I", number), spec(each.arguments))
        if not attacher.kernel.cookies:
            if not file.fixed:
                raise NotAttached("its file can lie anywhere in memory, which needs Linux 5.15")
            _put(attacher, maps[_PLACES], struct.pack("<Q", each.address), struct.pack("<I", number))
        numbers.append(number)
    places = [(file.offset(each.address), file.offset(each.semaphore)) for each in found]
    _attach(attacher, path, places, numbers, slot)


def _put(attacher: Attacher, number: int, key: bytes, value: bytes) -> None:
    held = attacher.maps[number]
    if (held.key_size, held.value_size) != (len(key), len(value)):
        raise NotAttached(f"the map {held.full_name} has another layout than that of <bpf/usdt.bpf.h>")
    request = Request()
    at = request.place(bytes(l.ATTR_BYTES))
    attr = l.Attr().u64(8, request.place(key)).u64(16, request.place(value)).u64(24, 0)
    request.write(at, bytes(attr.data))
    request.call(l.BPF, l.MAP_UPDATE_ELEM, at, 32, stop=True, patches=((at, attacher.map_slot(number)),))
    attacher.do(request, f"the map {held.full_name}")


def _attach(
    attacher: Attacher, path: str, places: Sequence[tuple[int, int]], cookies: Sequence[int], slot: Slot
) -> None:
    if attacher.kernel.uprobe_multi:
        request, link = Request(), attacher.slot()
        columns = [*zip(*places, strict=True), cookies]
        at_offsets, at_semaphores, at_cookies = (
            request.place(struct.pack(f"<{len(column)}Q", *column)) for column in columns
        )
        at = request.room(l.ATTR_BYTES)
        attr = l.Attr().u32(8, t.BPF_TRACE_UPROBE_MULTI).u64(16, request.text(path)).u64(24, at_offsets)
        attr.u64(32, at_semaphores).u64(40, at_cookies).u32(48, len(places)).u32(52, 0).u32(56, 0)
        request.write(at, bytes(attr.data))
        request.call(l.BPF, l.LINK_CREATE, at, attr.size, keep=link.number, stop=True, patches=((at, slot),))
        attacher.do(request, f"probes of '{path}'")
        return
    kind = attacher.text("/sys/bus/event_source/devices/uprobe/type")
    if not kind.isdigit():
        raise NotAttached("the kernel has no uprobes")
    for (offset, semaphore), cookie in zip(places, cookies, strict=True):

        def made(request: Request, offset: int = offset, semaphore: int = semaphore) -> bytes:
            where = struct.pack("<QQ", request.text(path), offset)
            return perf_attr(int(kind), semaphore << _SEMAPHORE_SHIFT, where)

        what = f"a probe at offset {offset:#x} of '{path}'"
        attacher.event(made, slot, what, cookie if attacher.kernel.cookies else None)
