"""The value of a register or of memory after a step of a run, and the steps that read and wrote it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.operands import reads
from vm.runner.execution import LOADED, PROGRAM, RunStep
from vm.runner.stored import StoredSteps

_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_SLOT: Final = 8
MAX_ACCESSES: Final = 2000


class Place(NamedTuple):
    """A register by number, or `size` bytes at an address (then regno is -1)."""

    regno: int
    address: int = 0
    size: int = _SLOT


class RunAccesses(NamedTuple):
    """The steps between first and last that write and that read a place, in order."""

    writes: tuple[int, ...]
    reads: tuple[int, ...]
    first: int
    last: int


class RunPart:
    """Steps of a run that are loaded: consecutive blocks."""

    def __init__(self, parts: Sequence[StoredSteps], insns: Sequence[Insn], program: int = 0) -> None:
        """program -- number of the program that is asked about; insns -- its own, none if they are not known"""
        self.first = parts[0].first if parts else 0
        self.steps: list[RunStep] = [step for part in parts for step in part.steps]
        self.known = [
            known if step.insn_idx // PROGRAM == program else None  # a step of another program's walk
            for part in parts
            for step, known in zip(part.steps, part.known, strict=True)
        ]
        self._before = parts[0].before if parts else None
        self._stores = sorted({(i, write) for part in parts for i, write in part.stores}, key=lambda each: each[0])
        self._insns = insns
        self._program = program

    @property
    def last(self) -> int:
        """The last step, first - 1 for none."""
        return self.first + len(self.steps) - 1

    def has(self, step: int) -> bool:
        return self.first <= step <= self.last

    def program_at(self, step: int) -> int:
        """Number of the program that a step is of."""
        return self.steps[step - self.first].insn_idx // PROGRAM

    def place(self, step: int, name: str) -> Place | None:
        """The place of "r3", "fp-8" or "@0x1000" at a step."""
        if name.startswith("@"):
            address = int(name[1:], 16)
            at = [write for i, write in self._stores if write.address == address and i <= step]
            return Place(-1, address, (len(at[-1].data) if at else 0) or _SLOT)
        if name.startswith("r"):
            return Place(int(name[1:]))
        return Place(-1, self.steps[step - self.first].regs[10] + int(name[2:])) if self.has(step) else None

    def value(self, step: int, place: Place) -> int | None:
        """The unsigned value of a place after a step; None if it is not known."""
        if not self.has(step):
            return None
        if place.regno >= 0:
            return self.steps[step - self.first].regs[place.regno]
        found: dict[int, int] = {}
        for i, write in self._stores:
            if i > step:
                break
            for k in range(write.missing):
                found.pop(write.address + k, None)
            for k, byte in enumerate(write.data):
                if 0 <= write.address + k - place.address < place.size:
                    found[write.address + k - place.address] = byte
        if len(found) < place.size:
            return None
        return int.from_bytes(bytes(found[k] for k in range(place.size)), "little")

    def accesses(self, step: int, frame: int, place: Place) -> RunAccesses:
        """The steps that write and that read a place; for a register, only those of the program and the same frame."""
        writes: list[int] = []
        found: list[int] = []
        before = self._before
        for i, each in enumerate(self.steps, self.first):
            slot = each.insn_idx - PROGRAM * self._program
            insn = self._insns[slot] if 0 <= slot < len(self._insns) else None
            if place.regno >= 0:
                if each.frameno == frame and each.insn_idx // PROGRAM == self._program:
                    changed = before is not None and before.regs[place.regno] != each.regs[place.regno]
                    if changed or (insn is not None and _writes(insn) == place.regno):
                        writes.append(i)
                    if insn is not None and place.regno in reads(insn):
                        found.append(i)
            else:
                if any(_meet(place, w.address, len(w.data) or w.missing) for w in each.writes if w.by != LOADED):
                    writes.append(i)
                if insn is not None and before is not None and o.cls(insn.code) == o.LDX:
                    address = before.regs[insn.src_reg] + insn.off
                    if _meet(place, address, _SIZES.get(insn.code & 0x18, _SLOT)):
                        found.append(i)
            before = each
        return RunAccesses(_near(writes, step), _near(found, step), self.first, self.last)

    def base(self, step: int) -> int:
        """The frame of the run that the program began in whose state is known after a step: not 0 where a subprogram's
        tail call entered it, which may be the program itself.
        """
        at = step - self.first
        known, after = self.known[at], self.steps[at + 1 : at + 2]
        goes_on = bool(after) and after[0].insn_idx // PROGRAM == self._program
        frame = (after[0] if goes_on else self.steps[at]).frameno
        return frame - (known.frame if known is not None else 0)

    def visits(self, walk_step: int, base: int | None = None) -> list[int]:
        """The steps after which the state that a step of the walk left is that of the path taken.

        base -- of them those where the program began in this frame; None: all
        """
        return [
            i
            for i, known in enumerate(self.known, self.first)
            if known is not None and known.step == walk_step and not known.before
            if base is None or self.base(i) == base
        ]


def _meet(place: Place, address: int, size: int) -> bool:
    return address < place.address + place.size and place.address < address + size


def _writes(insn: Insn) -> int:
    """The register that an instruction's fields say it writes, -1 for none."""
    return insn.dst_reg if o.cls(insn.code) in (o.ALU, o.ALU64, o.LDX, o.LD) else -1


def _near(steps: list[int], step: int) -> tuple[int, ...]:
    at = bisect_left(steps, step)
    return tuple(steps[max(0, at - MAX_ACCESSES // 2) : at + MAX_ACCESSES // 2])
