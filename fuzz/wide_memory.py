"""Statements that read and write memory: context, packet, map values, global data and the stack."""

from __future__ import annotations

from typing import Final

from fuzz.generate import CTX, NUMBERS, OUT, SIZES, add, call, movr
from fuzz.insns import BUFFER, SLOT, ldx, skip, st, stx
from fuzz.pieces import Pieces
from fuzz.world import BY_NAME, DATA_SIZE, VALUES, WIDE_MAPS
from vm.isa import opcodes as o
from vm.isa.insn import Insn

ATOMICS: Final = (
    o.ADD, o.OR, o.AND, o.XOR, o.ADD | o.FETCH, o.OR | o.FETCH, o.AND | o.FETCH, o.XOR | o.FETCH, o.XCHG, o.CMPXCHG,
)  # fmt: skip


class MemoryStatements(Pieces):
    """Accesses to memory."""

    def ctx_field(self, depth: int) -> list[Insn]:
        """A field of the context; a pointer it may be is tested and looked into."""
        rng = self.rng
        if self.dependable and rng.random() < 0.97:
            size, off = rng.choice(self.dependable)
        else:
            size = self.width()
            off = rng.randrange(0, self.kind.ctx + 8, o.SIZE_BYTES[size])
        if rng.random() < 0.03:
            return [stx(size, CTX, self.kept(), off)]
        if size == o.DW and rng.random() < 0.5:
            self.nums.discard(2)
            body = [ldx(self.width(), 3, 2, rng.randrange(0, 128, 4))]
            self.nums.discard(3)
            return [ldx(size, 2, CTX, off), *skip(o.JEQ, 2, 0, body)]
        if size == o.DW and rng.random() < 0.7:
            self.nums.discard(2)
            return [ldx(size, 2, CTX, off)]
        return [ldx(size, self.kept(), CTX, off)]

    def value_of_any_map(self, depth: int) -> list[Insn]:
        rng = self.rng
        number = rng.choice(VALUES)
        size = self.width()
        room = WIDE_MAPS[number].value_size - o.SIZE_BYTES[size]
        out = self.lookup(number)
        if not self.slips():
            out += [Insn(o.JMP | o.JEQ | o.K, 0, 0, OUT, 0)]
        at = rng.randint(0, max(room, 0))
        if rng.random() < 0.5:
            reg = self.kept()
            op = rng.choice((o.JGT, o.JSGT, o.JGE))
            out += [Insn(o.JMP | op | o.K, reg, 0, OUT, max(room - at, 0) + (2 if self.slips() else 0))]
            if op == o.JSGT:
                out += [Insn(o.JMP | o.JSLT | o.K, reg, 0, OUT, 0)]
            out += [Insn((o.ALU if self.slips() else o.ALU64) | o.ADD | o.X, 0, reg)]
            if rng.random() < 0.3:
                out += [Insn(o.ALU64 | o.SUB | o.X, 0, reg)]
        access = ldx(size, self.kept(), 0, at) if rng.random() < 0.6 else stx(size, 0, self.kept(), at)
        return [*out, access]

    def packet_wide(self, depth: int) -> list[Insn]:
        """The packet by meta data, both ends, a variable offset, or a length read out of it."""
        rng = self.rng
        kind = self.kind
        if kind.data < 0:
            return self.ctx_field(depth)
        wide = o.DW if kind.width == 8 else o.W
        meta = kind.meta >= 0 and rng.random() < 0.4
        first, last = (kind.meta, kind.data) if meta else (kind.data, kind.end)
        out = [ldx(wide, 2, CTX, first), ldx(wide, 3, CTX, last)]
        need = rng.choice((1, 4, 8, 14, 20, 40))
        size = rng.choice([s for s in SIZES if o.SIZE_BYTES[s] <= need])
        if rng.random() < 0.4:
            reg = self.kept()
            out += [Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, rng.choice((7, 60, 255, 4095, 65535)))]
            out += [Insn(o.ALU64 | o.ADD | o.X, 2, reg)]
        op, left, right = rng.choice(((o.JGT, 4, 3), (o.JLT, 3, 4), (o.JGE, 4, 3), (o.JLE, 3, 4)))
        out += [movr(4, 2), add(4, need), Insn(o.JMP | op | o.X, left, right, OUT)]
        out += [ldx(size, 5, 2, rng.randint(0, need - o.SIZE_BYTES[size]) + (1 if self.slips() else 0))]
        if rng.random() < 0.4:
            out += [Insn(o.ALU64 | o.AND | o.K, 5, 0, 0, 15), Insn(o.ALU64 | o.LSH | o.K, 5, 0, 0, 2)]
            out += [Insn(o.ALU64 | o.ADD | o.X, 2, 5), movr(4, 2), add(4, 8), Insn(o.JMP | o.JGT | o.X, 4, 3, OUT)]
            out += [stx(o.W, 2, 5, 4)] if rng.random() < 0.3 else [ldx(o.W, 5, 2, 4)]
        if rng.random() < 0.1:
            out += [Insn(o.ALU64 | o.SUB | o.X, 3, 2), movr(self.kept(), 3)]
        self.nums -= {2, 3, 4, 5}
        return [*out, movr(self.kept(), 5)]

    def inner_map(self, depth: int) -> list[Insn]:
        rng = self.rng
        out = self.lookup(BY_NAME[rng.choice(("outer", "outer_table"))])
        look = [movr(1, 0), movr(2, 10), add(2, BUFFER), call(1)]
        size = self.width()
        look += skip(o.JEQ, 0, 0, [stx(size, 0, self.kept(), rng.randint(0, 16 - o.SIZE_BYTES[size]))])
        return [*out, *(look if self.slips() else skip(o.JEQ, 0, 0, look))]

    def global_data(self, depth: int) -> list[Insn]:
        """.rodata's constants are known to the verifier; .data and .bss are a map's value."""
        rng = self.rng
        which, size = rng.randrange(3), self.width()
        room = DATA_SIZE - o.SIZE_BYTES[size]
        at = rng.randint(0, room) + (8 if self.slips() else 0)
        load = [Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_VALUE, at if rng.random() < 0.5 else 0, which), Insn(0)]
        if rng.random() < 0.4:
            reg = self.kept()
            load += [
                Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, rng.choice((7, 8, 24))),
                Insn(o.ALU64 | o.ADD | o.X, 1, reg),
            ]
            at = 0
        elif load[0].off:
            at = 0
        self.nums.discard(1)
        if rng.random() < (0.35 if which else 0.03):
            return [*load, stx(size, 1, self.kept(), at)]
        mode = o.MEMSX if size != o.DW and rng.random() < 0.3 else o.MEM
        return [*load, Insn(o.LDX | mode | size, self.kept(), 1, at)]

    def absolute(self, depth: int) -> list[Insn]:
        """LD_ABS and LD_IND, which only programs over sk_buffs have."""
        rng = self.rng
        if self.kind.ctx != 192 and rng.random() < 0.9:
            return self.ctx_field(depth)
        size = rng.choice((o.B, o.H, o.W))
        self.called()
        if rng.random() < 0.5:
            return [Insn(o.LD | o.ABS | size, 0, 0, 0, rng.choice((0, 12, 14, 23)))]
        return [Insn(o.LD | o.IND | size, 0, self.kept(), 0, rng.choice((0, 14)))]

    def partial(self, depth: int) -> list[Insn]:
        """Stores and loads of parts of a slot, in every size and overlap."""
        rng = self.rng
        slot = -8 * rng.randint(13, 16)
        out: list[Insn] = (
            [stx(o.DW, 10, self.kept(), slot)] if rng.random() < 0.6 else [st(o.DW, 10, slot, rng.choice(NUMBERS))]
        )
        for _ in range(rng.randint(1, 3)):
            size = self.width()
            at = slot + rng.randrange(0, 8, o.SIZE_BYTES[size])
            pick = rng.randrange(4)
            if pick == 0:
                out += [st(size, 10, at, rng.choice(NUMBERS))]
            elif pick == 1:
                out += [stx(size, 10, self.kept(), at)]
            else:
                mode = o.MEMSX if size != o.DW and rng.random() < 0.3 else o.MEM
                out += [Insn(o.LDX | mode | size, self.kept(), 10, at)]
        self.slots.add(slot)
        return out

    def spilled_pointer(self, depth: int) -> list[Insn]:
        """A pointer to the stack, context or packet to the stack and back, whole or in part."""
        rng = self.rng
        out = rng.choice(([movr(1, 10), add(1, -16)], [movr(1, CTX)], [movr(1, 10)]))
        out = [*out, stx(o.DW, 10, 1, SLOT)]
        self.slots.discard(SLOT)
        self.nums -= {1, 2}
        size = o.DW if rng.random() < 0.92 else self.width()
        return [*out, ldx(size, 2, 10, SLOT), *([movr(3, 2), add(3, 8)] if rng.random() < 0.4 else [])]

    def any_atomic(self, depth: int) -> list[Insn]:
        rng = self.rng
        size = rng.choice((o.W, o.DW)) if not self.slips() else o.H
        op = rng.choice(ATOMICS)
        out = self.lookup(rng.choice((BY_NAME["numbers"], BY_NAME["table"])))
        source = self.kept()
        body = [movr(1, 0)]
        if op == o.CMPXCHG:
            body += [movr(0, self.kept())]
        body += [Insn(o.STX | o.ATOMIC | size, 1, source, 8 if rng.random() < 0.9 else 4, op)]
        self.nums.discard(0)
        return [*out, *skip(o.JEQ, 0, 0, body)]
