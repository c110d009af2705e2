"""What is known of memory in a recorded event: what loads read, and what calls wrote.

Registers are recorded, memory is not, except for what was read of it when the event had ended. A load's value is in the
register that it was loaded into. What a call wrote is known from what the program loads there later, or from memory at
the end of the event, unless something else may have written there in between. Nothing else is said: bytes that a call
wrote and that nobody read are `missing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.bits import U64
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.kernel.helpers import helper as helper_by_id
from vm.kernel.helpers import helper_proto
from vm.recorded.operands import LOAD, STORE, Operand, operands
from vm.recorded.values import RETURNED, SNAPSHOT, RecordedCode, RecordedEvent
from vm.runner.execution import BY_CALL, LOADED, MemoryWrite
from vm.runner.proto_args import BASE, memory_arguments
from vm.runner.recording import BPF_REGS, Recording, Steps

if TYPE_CHECKING:
    from vm.isa.insn import Insn
    from vm.program import Program
    from vm.rewritten import Rewritten
    from vm.runner.place_names import RecordedNames

MAX_PIECES: Final = 64
"""Pieces of what one call wrote."""
MAX_WRITTEN: Final = 4096
"""Bytes of what one call wrote that are looked at."""
_CALL: Final = o.JMP | o.CALL
_EXIT: Final = o.JMP | o.EXIT
_FRAME: Final = 512
_KERNEL: Final = 1 << 63
_DYNPTR_BYTES: Final = 16
_KEEPS: Final = frozenset({"bpf_map_lookup_elem", "bpf_map_lookup_percpu_elem", "bpf_perf_event_output",
                           "bpf_ringbuf_output", "bpf_ringbuf_reserve", "bpf_get_stackid"})  # fmt: skip
"""Helpers that get a map and leave its values as they are."""


class Written(NamedTuple):
    """What a call may have written: `told` where its prototype says so; else it may have, and is not told."""

    address: int
    size: int
    told: bool = True


class Memory:
    """Loads and writes of one event's steps, found from its end to its beginning."""

    def __init__(
        self, event: RecordedEvent, raw: Recording, steps: Steps, rewritten: Rewritten, names: RecordedNames
    ) -> None:
        self._event, self._raw, self._steps, self._names = event, raw, steps, names
        self._program: Program = rewritten.program
        self._slots = _plain(rewritten)
        self._known: dict[int, int] = {}
        self._found: dict[int, tuple[MemoryWrite, ...]] = {}

    def by_insn(self) -> Mapping[int, tuple[MemoryWrite, ...]]:
        """By step, where each BPF instruction is one."""
        count = len(self._steps)
        if count == 0:
            return {}
        last = self._program.insns[self._point(count - 1)]
        ended = not self._event.cut and last.code == _EXIT and self._depth(count - 1) == 0
        if not (ended and self._back(dict(self._at_end()))):
            self._back({})
        return self._found

    def _back(self, known: dict[int, int]) -> bool:
        """Go through the steps from the last to the first; known -- memory at the end.

        False if something else has written to the program's stack before that was read.
        """
        self._known, self._found = known, {}
        insns = self._program.insns
        for i in range(len(self._steps) - 1, -1, -1):
            insn = insns[self._point(i)]
            before, after = self._registers(i), self._registers(i + 1)
            if not self._unstore(i, insn, before):
                return False
            if insn.code & 7 == o.LDX and insn.code & 0xE0 in (o.MEM, o.MEMSX):
                self._load(i, insn, before, after)
            elif insn.code == _CALL and insn.src_reg != o.PSEUDO_CALL:
                self._call(i, insn, before)
        return True

    # -- steps ----------------------------------------------------------------------------------------

    def _point(self, i: int) -> int:
        return self._raw.points[self._raw.ids[self._steps.span(i)[0]]].orig

    def _registers(self, i: int) -> tuple[int, ...]:
        """r0-r10 before step i."""
        at = self._steps.span(i)[0] if i < len(self._steps) else self._steps.span(i - 1)[1]
        x86 = unpack_from("<16Q", self._raw.snapshots, SNAPSHOT * at)
        return tuple(x86[r] for r in BPF_REGS)

    def _depth(self, i: int) -> int:
        return 0 if self._registers(i)[10] == self._registers(0)[10] else 1

    def _at_end(self) -> Iterator[tuple[int, int]]:
        """Memory when the program had returned, without what is below its first frame: others have used that."""
        frame = self._registers(0)[10]
        for each in self._event.memory:
            if each.state != len(self._event.offsets):
                continue
            for address, byte in enumerate(each.data, each.address):
                if address not in self._names.stack or frame - _FRAME <= address < frame:
                    yield address, byte

    # -- what a step did ------------------------------------------------------------------------------

    def _unstore(self, i: int, insn: Insn, before: Sequence[int]) -> bool:
        for each in self._steps.stored(i):
            held = bytes(self._known.get(each.address + n, byte) for n, byte in enumerate(each.data))
            if held != each.data and each.address in self._names.stack:
                return False
            self._forget(each.address, len(each.data))
        if insn.code & 7 == o.STX and insn.code & 0xE0 == o.ATOMIC:
            self._forget((before[insn.dst_reg] + insn.off) & U64, o.SIZE_BYTES[insn.code & 0x18])
        return True

    def _load(self, i: int, insn: Insn, before: Sequence[int], after: Sequence[int]) -> None:
        size = o.SIZE_BYTES[insn.code & 0x18]
        address = (before[insn.src_reg] + insn.off) & U64
        value = after[insn.dst_reg]
        if insn.code & 0xE0 == o.MEM and value >> 8 * size:
            size = 8  # a field of the context whose value is a pointer
        data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        self._add(i, MemoryWrite(address, data, self._steps.name_at(i, address, size), LOADED))
        if self._point(i) in self._slots:
            for n, byte in enumerate(data):
                self._known[address + n] = byte

    def _call(self, i: int, insn: Insn, before: Sequence[int]) -> None:
        for each in self._written(insn, before, self._registers(i + 1)[0]):
            if each.told and each.size:
                for piece in self._pieces(i, each):
                    self._add(i, piece)
            self._forget(each.address, each.size)

    def _pieces(self, i: int, written: Written) -> Iterator[MemoryWrite]:
        """What a call wrote: bytes that are known and bytes that are missing, by turns."""
        held = [self._known.get(written.address + n) for n in range(min(written.size, MAX_WRITTEN))]
        start = 0
        for _ in range(MAX_PIECES):
            if start >= len(held):
                return
            end, known = start, held[start] is not None
            while end < len(held) and (held[end] is not None) == known:
                end += 1
            address = written.address + start
            data = bytes(byte for byte in held[start:end] if byte is not None)
            name = self._steps.name_at(i, address, end - start)
            yield MemoryWrite(address, data, name, BY_CALL, 0 if known else end - start)
            start = end

    def _written(self, insn: Insn, regs: Sequence[int], result: int) -> Iterator[Written]:
        """What a helper or kernel function wrote, or may have. result -- what it returned"""
        program = self._program
        helper = helper_by_id(insn.imm) if not insn.src_reg else None
        proto = None
        if helper is not None:
            proto = helper_proto(
                program.prog_type, program.expected_attach_type, insn.imm, hook=program.attach_btf_name
            )
        if helper is None or proto is None:  # a kernel function: what its arguments point to
            yield from (Written(regs[n], MAX_WRITTEN, told=False) for n in range(1, 6) if regs[n] >= _KERNEL)
            return
        sizes = self._names.map_sizes(regs[1]) or self._names.map_sizes(regs[2]) or (0, 0)
        for each in memory_arguments(helper.name.removeprefix("bpf_"), proto, regs, sizes):
            if each.write and each.address and 0 < each.size <= MAX_WRITTEN:
                told = helper.name.endswith("_str") and 0 < result < each.size
                yield Written(each.address, result if told else each.size)
        for n, arg in enumerate(proto.arg_types, 1):
            if arg & BASE == k.ARG_PTR_TO_DYNPTR and arg & k.MEM_UNINIT:
                yield Written(regs[n], _DYNPTR_BYTES)
            elif arg & BASE == k.ARG_PTR_TO_DYNPTR:
                yield Written(regs[n], _DYNPTR_BYTES, told=False)
        if helper.name not in _KEEPS:
            for n in range(1, 4):
                yield from (Written(start, size, told=False) for start, size in self._names.values_of(regs[n]))

    # -- bytes ----------------------------------------------------------------------------------------

    def _add(self, i: int, write: MemoryWrite) -> None:
        self._found[i] = (*self._found.get(i, ()), write)

    def _forget(self, address: int, size: int) -> None:
        found: Iterable[int] = range(address, address + size)
        if size > len(self._known):  # a map's values may be large
            found = [each for each in self._known if address <= each < address + size]
        for each in found:
            self._known.pop(each, None)


def _plain(rewritten: Rewritten) -> frozenset[int]:
    """Slots whose instruction is translated as it is: of others (fields of a context) the address is not a real one."""
    insns, program = rewritten.insns, rewritten.program.insns
    times: dict[int, int] = {}
    for orig in rewritten.orig_idx:
        times[orig] = times.get(orig, 0) + 1
    return frozenset(
        orig
        for slot, orig in enumerate(rewritten.orig_idx)
        if times[orig] == 1 and insns[slot].off == program[orig].off and insns[slot].code & 7 == program[orig].code & 7
    )


def by_line(
    code: RecordedCode, event: RecordedEvent, states: Sequence[int], steps: Steps
) -> Mapping[int, tuple[MemoryWrite, ...]]:
    """Loads and stores of the machine code's own instructions, by step. states -- at which each step begins"""
    found: dict[int, tuple[MemoryWrite, ...]] = {}
    known = operands(code.image, event.offsets)
    for i in range(min(len(states), len(steps))):
        end = states[i + 1] if i + 1 < len(states) else len(event.offsets) - 1
        moved = []
        for at in range(states[i], min(end, len(event.offsets) - 1)):
            operand = known.get(event.offsets[at])
            if operand is not None and operand.kind in (LOAD, STORE) and event.offsets[at] != RETURNED:
                moved.append(_moved(event, at, operand, steps, i))
        if moved:
            found[i] = tuple(moved)
    return found


def _moved(event: RecordedEvent, at: int, operand: Operand, steps: Steps, i: int) -> MemoryWrite:
    before = unpack_from("<16Q", event.registers, SNAPSHOT * at)
    after = unpack_from("<16Q", event.registers, SNAPSHOT * (at + 1))
    value = operand.number
    if operand.register >= 0:
        value = (after if operand.kind == LOAD else before)[operand.register]
    address = operand.address(before)
    data = (value & ((1 << 8 * operand.size) - 1)).to_bytes(operand.size, "little")
    return MemoryWrite(address, data, steps.name_at(i, address, operand.size), LOADED if operand.kind == LOAD else "")
