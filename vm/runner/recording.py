"""The recording of a run on the machine: raw registers, from which steps are made on demand.

During the run 128 bytes and a number are stored for each BPF instruction. Registers by name, stores and frames are
computed for the steps that are read.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from vm.bits import U64
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.runner.alu import ATOMICS
from vm.runner.alu import JUMPS as COMPARISONS
from vm.runner.execution import PROGRAM, MemoryWrite, RunStep
from vm.runner.lazy_steps import LazySteps
from vm.runner.memory import Memory
from vm.runner.points import EPILOGUE, JUMPS, Point, stores

SNAPSHOT: Final = 128
MOST_FRAMES: Final = 255
"""Frames that are told apart; each of 33 tail calls and the program before them may have eight."""
KEPT: Final = 4096
TAIL_CALL: Final = 0xF5  # BPF_JMP | BPF_TAIL_CALL
_REGS: Final = struct.Struct("<16Q")
# r0-r10 as places in X86_REGS order.
BPF_REGS: Final = (0, 7, 6, 2, 1, 8, 3, 13, 14, 15, 5)
RBP: Final = 5
_RBP: Final = struct.Struct("<Q")


class Recording:
    """What the hooks stored in one run, and its translation to steps.

    points -- places of the loaded programs; ids[k] the one passed k-th; snapshots[128 k:] the registers before it,
              one more at the end
    old    -- k -> memory before an atomic store there
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = points
        self.ids = array("L")
        self.snapshots = bytearray()
        self.old: dict[int, int] = {}
        self._step_of: array[int] | None = None

    def finish(self) -> None:
        """Makes what the addresses said into what the program did.

        Instructions without machine code (mov r1, r1; goto +0) are put in where they were passed: they are
        seen only by the next one's address being reached, and one jumped over is not passed. A function's
        first exit is taken out where another one only jumped to its code.
        """
        points = self.points
        if all(point.head and not point.silent and point.leaves != JUMPS for point in points):
            return
        step_of = self._step_of = array("l")
        ids, shots, old = array("L"), bytearray(), {}
        before, steps = -1, -1
        for k, i in enumerate(self.ids):
            for j in self._passed(before, i, k):
                if j == i and k in self.old:
                    old[len(ids)] = self.old[k]
                ids.append(j)
                shots += self.snapshots[SNAPSHOT * k : SNAPSHOT * (k + 1)]
                steps += points[j].head
            step_of.append(steps)
            before = i
        shots += self.snapshots[SNAPSHOT * len(self.ids) :]
        self.ids, self.snapshots, self.old = ids, shots, old

    def _passed(self, before: int, i: int, k: int) -> range:
        points = self.points
        if before >= 0 and points[before].leaves == JUMPS and points[i].leaves == EPILOGUE:
            return range(0)
        first = i
        while first and points[first - 1].silent and points[first - 1].address == points[i].address:
            first -= 1
        target = points[before].target if before >= 0 else -1
        if points[first].slot < target <= points[i].slot and self._taken(points[before].insn, k - 1):
            first = next(j for j in range(first, i + 1) if points[j].slot >= target)
        return range(first, i + 1)

    def _taken(self, insn: Insn, k: int) -> bool:
        """Whether the k-th point, a jump both of whose targets have the same address, was taken."""
        compare = COMPARISONS.get(insn.code & 0xF0)
        if compare is None:
            return True
        regs = _REGS.unpack_from(self.snapshots, SNAPSHOT * k)
        bits = 64 if insn.code & 7 == o.JMP else 32
        mask = (1 << bits) - 1
        source = _bpf(regs, insn.src_reg) if insn.code & o.X else insn.imm
        return compare(_bpf(regs, insn.dst_reg) & mask, source & mask, bits)

    def step_of(self, k: int) -> int:
        """The step of the k-th stored point (before `finish` moved it)."""
        step_of = self._step_of
        return k if step_of is None else step_of[min(k, len(step_of) - 1)] if step_of else 0

    def count(self) -> int:
        """Steps, after `finish`."""
        if self._step_of is None:
            return len(self.ids)
        return sum(1 for i in self.ids if self.points[i].head)

    def tail_calls(self) -> list[tuple[int, int]]:
        """(step, point entered) of jumps into a program, which no helper sees."""
        calls = {i for i, point in enumerate(self.points) if point.insn.code == TAIL_CALL}
        found: list[tuple[int, int]] = []
        if not calls:
            return found
        step, before = -1, -1
        for i in self.ids:
            if before in calls and self.points[i].slot == 0:
                found.append((step, i))
            step += self.points[i].head
            before = i
        return found


class Named(Protocol):
    """Names of addresses."""

    def name_of(self, address: int, /) -> str:
        """The name of the memory at an address, or the address."""


Fields = Callable[[int, int], str]
"""The field that some bytes are, by address and size; "" where it is not known."""


class Steps(LazySteps):
    """The steps of a recording.

    events -- step -> index of its first event; namer -- regions as the run left them; stack -- where frames are;
    fields -- what is known of the types of memory; program_of -- number of the program whose code is at an address, for
    runs that tail calls may lead into others
    callers -- frame pointers of the frames below the first one; ends -- number of the frame whose return is the last
    step
    """

    def __init__(
        self,
        raw: Recording,
        events: Mapping[int, int],
        namer: Named,
        stack: range,
        limit: int,
        fields: Fields | None = None,
        program_of: Callable[[int], int] | None = None,
        callers: Sequence[int] = (),
        ends: int = 0,
    ) -> None:
        self._raw = raw
        self._callers = callers
        self._ends = ends
        self._events = events
        self._namer = namer
        self._fields = fields
        self._program_of = program_of
        self._stack = stack
        points = raw.points
        self._heads: Sequence[int] = range(len(raw.ids))
        if not all(point.head for point in points):
            self._heads = array("L", (k for k, point in enumerate(raw.ids) if points[point].head))
        self._count = min(len(self._heads), limit)
        self._frames: array[int] | None = None
        self._made: dict[int, RunStep] = {}
        self._more: Mapping[int, tuple[MemoryWrite, ...]] = {}

    def __len__(self) -> int:
        return self._count

    def step_at(self, index: int) -> RunStep:
        step = self._made.get(index)
        if step is None:
            if len(self._made) >= KEPT:
                self._made.clear()
            step = self._made[index] = self._step(index)
        return step

    def _registers(self, k: int) -> tuple[int, ...]:
        return _REGS.unpack_from(self._raw.snapshots, SNAPSHOT * k)

    def _depths(self) -> array[int]:
        """Call depth at each position, from the frame pointers: the frame of a call is below the caller's."""
        if self._frames is None:
            depths = array("B")
            stack = list(self._callers)
            for k in range(len(self._raw.ids)):
                fp = self._fp(k)
                while stack and stack[-1] < fp:
                    stack.pop()
                if (not stack or fp < stack[-1]) and len(stack) < MOST_FRAMES:
                    stack.append(fp)
                depths.append(len(stack) - 1)
            self._frames = depths
            self._last = tuple(stack)
        return self._frames

    def callers(self) -> tuple[int, ...]:
        """Frame pointers of the frames below that of the last step."""
        self._depths()
        return self._last[:-1]

    def _fp(self, k: int) -> int:
        fp: int = _RBP.unpack_from(self._raw.snapshots, SNAPSHOT * k + 8 * RBP)[0]
        return fp

    def _name(self, k: int, address: int) -> str:
        """ "fp-8"; "0:fp-8" in the frame of a caller; else by region."""
        depths = self._depths()
        fp = self._fp(k)
        if fp - 512 <= address < fp:
            return f"fp-{fp - address}"
        if self._stack.start <= address < self._stack.stop:
            wanted = depths[k] - 1
            while k >= 0 and wanted >= 0:
                if depths[k] == wanted:
                    fp = self._fp(k)
                    if fp - 512 <= address < fp:
                        return f"{wanted}:fp-{fp - address}"
                    wanted -= 1
                k -= 1
        for number, fp in enumerate(self._callers):
            if fp - 512 <= address < fp:
                return f"{number}:fp-{fp - address}"
        return self._namer.name_of(address)

    def add(self, events: Mapping[int, int], more: Mapping[int, tuple[MemoryWrite, ...]]) -> None:
        """What was found out when the steps were known: events, and memory beside the program's own stores, by step."""
        self._events, self._more = events, more
        self._made.clear()

    def span(self, i: int) -> tuple[int, int]:
        """Positions at which step i begins and ends."""
        return self._heads[i], self._heads[i + 1] if i + 1 < len(self._heads) else len(self._raw.ids)

    def stored(self, i: int) -> list[MemoryWrite]:
        """What the program itself stored at step i."""
        raw = self._raw
        found: list[MemoryWrite] = []
        for k in range(*self.span(i)):
            insn = raw.points[raw.ids[k]].insn
            if stores(insn) and (insn.code & 0xE0 != o.ATOMIC or k in raw.old):
                found.append(self._write(k, insn))
        return found

    def moved(self, i: int) -> tuple[MemoryWrite, ...]:
        """What step i read and wrote, as far as it is known."""
        return (*self.stored(i), *self._more.get(i, ()))

    def name_at(self, i: int, address: int, size: int) -> str:
        """The name of some bytes, seen from the frame of step i."""
        return self._full_name(self._heads[i], address, size)

    def _full_name(self, k: int, address: int, size: int) -> str:
        """ "ctx+16 pid" """
        field = self._fields(address, size) if self._fields is not None else ""
        return f"{self._name(k, address)} {field}".rstrip()

    def _step(self, i: int) -> RunStep:
        raw = self._raw
        first, after = self.span(i)
        writes = self.moved(i)
        point = raw.points[raw.ids[first]]
        depth = self._depths()[first]
        # The last function's epilogue leaves the caller's registers: show what the program left instead.
        last = raw.points[raw.ids[after - 1]]
        x86 = self._registers(after - 1 if last.leaves and depth == self._ends else after)
        regs = tuple(x86[r] for r in BPF_REGS)
        program = self._program_of(point.address) if self._program_of is not None else 0
        return RunStep(point.orig + PROGRAM * program, point.x86_off, regs, x86, writes, self._events.get(i, -1), depth)

    def _write(self, k: int, insn: tuple[int, int, int, int, int]) -> MemoryWrite:
        code, dst, src, off, imm = insn
        regs = self._registers(k)
        size = o.SIZE_BYTES[code & 0x18]
        address = (_bpf(regs, dst) + off) & U64
        value = imm if code & 7 == o.ST else _bpf(regs, src)
        if code & 0xE0 == o.ATOMIC:
            value = _atomic(imm, self._raw.old.get(k, 0), value, regs[0], (1 << 8 * size) - 1)
        data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        return MemoryWrite(address, data, self._full_name(k, address, size))


def _bpf(regs: tuple[int, ...], reg: int) -> int:
    return regs[BPF_REGS[reg]] if reg <= o.R10 else regs[10]


def old_value(memory: Memory, saved: memoryview, insn: tuple[int, int, int, int, int]) -> int:
    """The value in memory that an atomic instruction is about to replace."""
    code, dst, _, off, _ = insn
    address = (_bpf(_REGS.unpack_from(saved), dst) + off) & U64
    size = o.SIZE_BYTES[code & 0x18]
    return memory.get(address, size) if memory.arena_at(address, size) else 0


def _atomic(operation: int, old: int, source: int, r0: int, mask: int) -> int:
    """The value in memory after an atomic instruction."""
    if operation == o.XCHG:
        return source
    if operation == o.CMPXCHG:
        return source if old == r0 & mask else old
    change = ATOMICS.get(operation & ~o.FETCH)
    return change(old, source & mask) if change else old
