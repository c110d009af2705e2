"""What the machine did, kept as raw registers and read on demand.

While the program runs only 128 bytes and a number are stored for each BPF instruction; registers
by name, memory written and frames are worked out for the steps somebody looks at.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, overload

from vm.isa import opcodes as o
from vm.runner.alu import ATOMICS
from vm.runner.execution import MemoryWrite, RunStep
from vm.runner.memory import Memory, Namer
from vm.runner.points import Point, stores

U64: Final = (1 << 64) - 1
SNAPSHOT: Final = 128
_REGS: Final = struct.Struct("<16Q")
# r0-r10 as places in X86_REGS order.
BPF_REGS: Final = (0, 7, 6, 2, 1, 8, 3, 13, 14, 15, 5)
RBP: Final = 5
_RBP: Final = struct.Struct("<Q")


class Raw(NamedTuple):
    """ids[k] is the point passed, snapshots[128 k:] the registers before it; one snapshot more than ids at the end.

    old    -- position k -> memory before an atomic store there
    events -- step -> index of its first event
    """

    points: Sequence[Point]
    ids: array[int]
    snapshots: bytearray
    old: Mapping[int, int]
    events: Mapping[int, int]
    namer: Namer
    stack: range


class Steps(Sequence[RunStep]):
    """RunSteps made when they are asked for. Equal to any other sequence of the same steps."""

    def __init__(self, raw: Raw, limit: int) -> None:
        self._raw = raw
        points = raw.points
        heads = array("L", (k for k, point in enumerate(raw.ids) if points[point].head))
        self._count = min(len(heads), limit)
        self._heads = heads
        self._frames: array[int] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> RunStep: ...
    @overload
    def __getitem__(self, index: slice) -> list[RunStep]: ...
    def __getitem__(self, index: int | slice) -> RunStep | list[RunStep]:
        if isinstance(index, slice):
            return [self._step(i) for i in range(*index.indices(self._count))]
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._step(index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(other) == list(self)

    __hash__ = None  # type: ignore[assignment]

    def _registers(self, k: int) -> tuple[int, ...]:
        return _REGS.unpack_from(self._raw.snapshots, SNAPSHOT * k)

    def _depths(self) -> array[int]:
        """Depth of the frame at each position: calls go down the stack, so frame pointers tell."""
        if self._frames is None:
            depths = array("H")
            stack: list[int] = []
            for k in range(len(self._raw.ids)):
                fp = self._fp(k)
                while stack and stack[-1] < fp:
                    stack.pop()
                if not stack or fp < stack[-1]:
                    stack.append(fp)
                depths.append(len(stack) - 1)
            self._frames = depths
        return self._frames

    def _fp(self, k: int) -> int:
        fp: int = _RBP.unpack_from(self._raw.snapshots, SNAPSHOT * k + 8 * RBP)[0]
        return fp

    def _name(self, k: int, address: int) -> str:
        """ "fp-8"; "0:fp-8" in the frame of a caller; else by region."""
        raw, depths = self._raw, self._depths()
        fp = self._fp(k)
        if fp - 512 <= address < fp:
            return f"fp-{fp - address}"
        if raw.stack.start <= address < raw.stack.stop:
            wanted = depths[k] - 1
            while k >= 0 and wanted >= 0:
                if depths[k] == wanted:
                    fp = self._fp(k)
                    if fp - 512 <= address < fp:
                        return f"{wanted}:fp-{fp - address}"
                    wanted -= 1
                k -= 1
        return raw.namer.name_of(address)

    def _step(self, i: int) -> RunStep:
        raw, first = self._raw, self._heads[i]
        after = self._heads[i + 1] if i + 1 < len(self._heads) else len(raw.ids)
        writes: list[MemoryWrite] = []
        for k in range(first, after):
            insn = raw.points[raw.ids[k]].insn
            if stores(insn):
                writes.append(self._write(k, insn))
        point = raw.points[raw.ids[first]]
        depth = self._depths()[first]
        # The last function's epilogue leaves the caller's registers: show what the program left instead.
        x86 = self._registers(first if point.ends and depth == 0 else after)
        regs = tuple(x86[r] for r in BPF_REGS)
        return RunStep(point.orig, point.x86_off, regs, x86, tuple(writes), raw.events.get(i, -1), depth)

    def _write(self, k: int, insn: tuple[int, int, int, int, int]) -> MemoryWrite:
        code, dst, src, off, imm = insn
        regs = self._registers(k)
        size = o.SIZE_BYTES[code & 0x18]
        address = (_bpf(regs, dst) + off) & U64
        value = imm if code & 7 == o.ST else _bpf(regs, src)
        if code & 0xE0 == o.ATOMIC:
            value = _atomic(imm, self._raw.old.get(k, 0), value, regs[0], (1 << 8 * size) - 1)
        data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        return MemoryWrite(address, data, self._name(k, address))


def _bpf(regs: tuple[int, ...], reg: int) -> int:
    return regs[BPF_REGS[reg]] if reg <= o.R10 else regs[10]


def old_value(memory: Memory, saved: memoryview, insn: tuple[int, int, int, int, int]) -> int:
    """What is in memory where an atomic instruction is about to store."""
    code, dst, _, off, _ = insn
    address = (_bpf(_REGS.unpack_from(saved), dst) + off) & U64
    size = o.SIZE_BYTES[code & 0x18]
    return memory.get(address, size) if memory.arena_at(address, size) else 0


def _atomic(operation: int, old: int, source: int, r0: int, mask: int) -> int:
    """What is in memory after an atomic instruction."""
    if operation == o.XCHG:
        return source
    if operation == o.CMPXCHG:
        return source if old == r0 & mask else old
    return ATOMICS[operation & ~o.FETCH](old, source & mask)
