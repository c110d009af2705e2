"""What the statements of fuzz.wide share: the kind of program, its registers and stack, and parts of statements."""

from __future__ import annotations

import random

from fuzz import calls
from fuzz.generate import CTX, NUMBERS, SIZES, Function, Maker, add, call, mov, movr
from fuzz.insns import BUFFER, ldx, load_map, st, stx
from fuzz.world import WIDE_KINDS
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.kfuncs import kfunc_flags


class Pieces(Maker):
    """The kind of program that is made, and parts that several statements share.

    Registers: r6 is the context, r7 to r9 hold numbers, the others what the last statement left there.
    The stack below -200 belongs to the statements of subclasses: -216 and -224 dynptrs and iterators, -288 to -225 a
    buffer.
    """

    def __init__(self, rng: random.Random, sloppy: float) -> None:
        super().__init__(rng, sloppy)
        self.kind = rng.choice(WIDE_KINDS[:2]) if rng.random() < 0.25 else rng.choice(WIDE_KINDS)
        self.section, self.prog_type = self.kind.section, self.kind.prog_type
        # Plain reads of packets know four-byte pointers only.
        self.packet = (self.kind.data, self.kind.end) if self.kind.data >= 0 and self.kind.width == 4 else None
        self.fields = (0,)
        self.functions: list[Function] = []
        self.dependable = calls.readable(self.kind.section, self.kind.ctx)

    def result(self) -> Insn:
        # Most types ask for a small one.
        return mov(0, self.rng.randint(0, 1)) if self.rng.random() < 0.85 else super().result()

    def field(self, dst: int) -> list[Insn]:
        fields = [(size, off) for size, off in self.dependable if size != o.DW or self.kind.ctx == 168]
        if fields and self.rng.random() < 0.7:
            size, off = self.rng.choice(fields)
            return [ldx(size, dst, CTX, off)]
        return [mov(dst, self.rng.choice(NUMBERS))]

    def number(self, dst: int) -> list[Insn]:
        rng = self.rng
        dst = dst if dst in (7, 8, 9) else self.kept()
        sources = calls.sources(self.section)
        if sources and rng.random() < 0.5:
            self.called()
            return [call(rng.choice(sources)), movr(dst, 0)]
        if rng.random() < 0.2:
            halves = rng.choice(NUMBERS), rng.choice(NUMBERS)
            return [Insn(o.LD_IMM64, dst, 0, 0, halves[0]), Insn(0, 0, 0, 0, halves[1])]
        return [mov(dst, rng.choice(NUMBERS))]

    def buffer(self) -> list[Insn]:
        """The buffer, written if it was not on every way here."""
        slots = range(BUFFER, BUFFER + 64, 8)
        out = [st(o.DW, 10, slot, self.rng.choice((0, 0, 1, -1))) for slot in slots if slot not in self.slots]
        self.slots |= set(slots)
        return out

    def can(self, name: str) -> int:
        """How often a statement about this kernel function is to be taken."""
        return (
            2 if kfunc_flags(name, self.prog_type, calls.attach_type(self.section)) is not None or self.slips() else 0
        )

    def add_function(self, function: Function) -> int:
        self.functions.append(function)
        return len(self.functions) - 1

    def width(self) -> int:
        return self.rng.choice(SIZES)

    def lookup(self, number: int, to: int = 0) -> list[Insn]:
        """r0 = lookup; the key is in the buffer."""
        rng = self.rng
        out = self.buffer()
        if rng.random() < 0.3:
            out += [stx(o.W, 10, self.kept(), BUFFER)]
        out += [movr(2, 10), add(2, BUFFER), *load_map(1, number), call(1)]
        self.called()
        self.nums.discard(0)
        return out
