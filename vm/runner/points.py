"""Where in an image BPF instructions begin, and which of their stores a recording must catch."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.jit.image import Image
from vm.rewritten import Rewritten
from vm.runner.memory import CODE_BASE

CODE_STRIDE: Final = 1 << 24
EPILOGUE: Final = 1
JUMPS: Final = 2


class Point(NamedTuple):
    """A slot of a rewritten program as the machine passes it.

    head   -- first slot of what an original instruction became: a step starts here
    insn   -- the instruction, for what it stores
    leaves -- EPILOGUE: the function's code for leaving is here; JUMPS: an exit that jumps there; else 0
    target -- slot a jump goes to, else -1
    silent -- the machine code of this slot is empty: the next point lies at the same address
    """

    address: int
    x86_off: int
    orig: int
    head: bool
    insn: Insn
    leaves: int
    slot: int
    target: int = -1
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """One program's image at its place. `points` is in the order of addresses, `starts` their addresses."""

    rewritten: Rewritten
    image: Image
    number: int
    points: tuple[Point, ...]
    starts: tuple[int, ...]

    @property
    def base(self) -> int:
        return self.number_base(self.number)

    @staticmethod
    def number_base(number: int) -> int:
        """Where image `number` lies; the world's struct bpf_prog say the same."""
        return CODE_BASE + (number + 1) * CODE_STRIDE

    def func_address(self, number: int) -> int:
        return self.base + sum(self.image.func_lens[:number])

    def orig_at(self, address: int) -> int:
        """Original slot of the instruction whose machine code holds `address`; the first one for a prologue."""
        at = bisect_right(self.starts, address) - 1
        return self.points[max(at, 0)].orig


def stores(insn: Insn) -> bool:
    return insn.code & 7 in (o.ST, o.STX) and insn.code & 0xE0 in (o.MEM, o.ATOMIC)


def load(rewritten: Rewritten, image: Image, number: int) -> Loaded:
    """Points of every step, and of every store or exit inside a step of several slots."""
    base = Loaded.number_base(number)
    orig = rewritten.orig_idx
    several = {orig[i] for i in range(1, len(orig)) if orig[i] == orig[i - 1]}
    with_store = {orig[i] for i, insn in enumerate(rewritten.insns) if stores(insn)} & several
    found: list[Point] = []
    second, epilogue, starts = False, EPILOGUE, set(rewritten.func_starts)
    for slot, insn in enumerate(rewritten.insns):
        if second:
            second = False
            continue
        second = insn.code == o.LD_IMM64
        head = slot == 0 or orig[slot] != orig[slot - 1]
        if slot in starts:
            epilogue = EPILOGUE
        leaves = 0
        if insn.code == o.JMP | o.EXIT:
            leaves, epilogue = epilogue, JUMPS
        if not head and not leaves and orig[slot] not in with_store:
            continue
        off = image.insn_offsets[slot]
        if found and found[-1].x86_off == off:
            found[-1] = found[-1]._replace(silent=True)
        found.append(Point(base + off, off, orig[slot], head, insn, leaves, slot, _target(insn, slot)))
    found.sort(key=lambda point: (point.address, point.slot))
    return Loaded(rewritten, image, number, tuple(found), tuple(point.address for point in found))


def _target(insn: Insn, slot: int) -> int:
    if insn.code & 7 not in (o.JMP, o.JMP32) or insn.code & 0xF0 in (o.CALL, o.EXIT, 0xF0):
        return -1
    return slot + 1 + (insn.imm if insn.code == o.JMP32 | o.JA else insn.off)
