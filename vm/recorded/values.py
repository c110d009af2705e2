"""The content of a recording: machine code of its programs, and registers at each instruction of their events."""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.program import Program

SNAPSHOT: Final = 128
"""Bytes of the registers of one state: rax rcx rdx rbx rsp rbp rsi rdi r8-r15."""
RETURNED: Final = -1
"""The offset of an event's last state: the program has returned to the kernel."""


class Place(NamedTuple):
    """A function of a program in the kernel: its address, and the bytes of its machine code."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class RecordedCode:
    """The machine code of a program in the recorded kernel.

    fingerprint -- fingerprint() of the program
    image       -- of all functions, one after the other
    lines       -- (offset in the image, slot of the original program), from the jited line information
    """

    name: str
    fingerprint: str
    image: bytes
    functions: tuple[Place, ...]
    lines: tuple[tuple[int, int], ...]

    def offset(self, address: int) -> int | None:
        """The offset in the image of an address in the kernel; None for an address elsewhere."""
        start = 0
        for place in self.functions:
            if place.address <= address < place.address + place.length:
                return start + address - place.address
            start += place.length
        return None

    def address(self, offset: int) -> int:
        """The address in the kernel of an offset in the image."""
        for place in self.functions:
            if offset < place.length:
                return place.address + offset
            offset -= place.length
        raise IndexError(offset)


class Bytes(NamedTuple):
    """Memory of the guest as it was before the event's state number `state`."""

    state: int
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One run of a program: the states before each machine instruction of its own, and one when it had returned.

    program -- index into Recording.codes
    comm, pid -- of the task that was running
    offsets -- in the image, of each state; RETURNED of the last, unless the event is cut
    registers -- SNAPSHOT bytes of each state
    memory  -- what was read of the guest's memory: at the beginning and at the end
    cut     -- why the rest of the event is missing, "" if it is complete
    continues -- the program ended in a tail call: the next event of the recording is the program that it entered
    """

    program: int
    comm: str
    pid: int
    offsets: array[int]
    registers: bytes
    memory: tuple[Bytes, ...] = ()
    cut: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class RecordedMap:
    """A map at the end of the recording; entries -- keys and values; address -- of its struct bpf_map, or 0."""

    name: str
    entries: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """Events of one workload in one kernel, in order.

    kernel, release -- the name of its image ("7.0"), and what `uname -r` printed
    source -- the source as a request of the page has it: kind, source, name, options
    workload -- the line of shell that ran
    printed -- lines of trace_pipe
    notes  -- sentences about what the recording does not contain
    types  -- BTF of the kernel's types that the events are shown with; b"" if they are those of the emulated kernel
    """

    kernel: str
    release: str
    source: Mapping[str, object]
    workload: str
    codes: tuple[RecordedCode, ...]
    events: tuple[RecordedEvent, ...]
    maps: tuple[RecordedMap, ...] = ()
    printed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    types: bytes = b""


def fingerprint(program: Program) -> str:
    """A hash that is the same for a program relocated for different kernels: without offsets and immediates."""
    said = hashlib.sha256()
    for insn in program.insns:
        said.update(struct.pack("<BBB", insn.code & 0xE7, insn.dst_reg, insn.src_reg))
    for info in program.line_infos:
        said.update(struct.pack("<II", info.insn_off, info.line))
    return said.hexdigest()[:16]
