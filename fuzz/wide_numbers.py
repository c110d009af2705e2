"""Statements about numbers: linked registers, rare arithmetic and operations that compilers do not emit."""

from __future__ import annotations

from fuzz.generate import CTX, JUMP_OPS, NUMBERS, OUT, movr
from fuzz.insns import SLOT, kfunc, ldx, stx
from fuzz.pieces import Pieces
from vm.isa import opcodes as o
from vm.isa.insn import Insn


class NumberStatements(Pieces):
    """Arithmetic, and blocks of it for functions and regions."""

    def inside(self, nums: set[int], count: int = 1) -> list[Insn]:
        """A block for another function or region: its registers are these, its stack is empty, nothing jumps out."""
        kept, self.nums, self.slots = (self.nums, self.slots), set(nums), set()
        simple = (self.alu, self.alu, self.stack, self.rare_alu, self.linked)
        out: list[Insn] = []
        for _ in range(count):
            out += self.rng.choice(simple)(3)
        self.nums, self.slots = kept
        return [insn._replace(off=0) if insn.off == OUT else insn for insn in out]

    def linked(self, depth: int) -> list[Insn]:
        """Copies of a number: a branch on one tells of the others, also where a constant was added."""
        rng = self.rng
        one, other = rng.sample((7, 8, 9), 2) if {7, 8, 9} <= self.nums else (sorted(self.nums)[0], 3)
        out = [Insn(rng.choice((o.ALU64, o.ALU64, o.ALU)) | o.MOV | o.X, other, one)]
        self.nums.add(other)
        for _ in range(rng.randint(0, 2)):
            out += [
                Insn(
                    rng.choice((o.ALU64, o.ALU64, o.ALU)) | o.ADD | o.K,
                    rng.choice((one, other)),
                    0,
                    0,
                    rng.choice((1, 8, -1, 100)),
                )
            ]
        if rng.random() < 0.3:
            out += [stx(o.DW, 10, other, SLOT)]
            self.slots.add(SLOT)
        body = [Insn(o.ALU64 | rng.choice((o.ADD, o.XOR, o.AND, o.MUL)) | o.X, one, other)]
        code = rng.choice((o.JMP, o.JMP, o.JMP32)) | rng.choice(JUMP_OPS)
        return [*out, Insn(code | o.K, rng.choice((one, other)), 0, len(body), rng.choice(NUMBERS)), *body]

    def rare_alu(self, depth: int) -> list[Insn]:
        """Signed division, sign-extending moves, byte swaps, in both widths and by numbers of every kind."""
        rng = self.rng
        dst, src = self.any(), self.any()
        pick = rng.randrange(5)
        if pick == 0:
            code = rng.choice((o.ALU, o.ALU64)) | rng.choice((o.DIV, o.MOD))
            if rng.random() < 0.5:
                return [Insn(code | o.X, dst, src, rng.choice((0, 1)))]
            return [Insn(code | o.K, dst, 0, rng.choice((0, 1)), rng.choice([n for n in NUMBERS if n]))]
        if pick == 1:
            width = rng.choice((o.ALU, o.ALU64))
            return [Insn(width | o.MOV | o.X, dst, src, rng.choice((8, 16, 32) if width == o.ALU64 else (8, 16)))]
        if pick == 2:
            code = rng.choice((o.ALU | o.END | o.K, o.ALU | o.END | o.X, o.ALU64 | o.END | o.K))
            return [Insn(code, dst, 0, 0, rng.choice((16, 32, 64)))]
        if pick == 3:
            return [Insn(rng.choice((o.ALU, o.ALU64)) | rng.choice((o.LSH, o.RSH, o.ARSH)) | o.X, dst, src)]
        return [Insn(rng.choice((o.ALU, o.ALU64)) | rng.choice((o.AND, o.OR, o.XOR, o.MUL, o.SUB)) | o.X, dst, src)]

    def wild(self, depth: int) -> list[Insn]:
        """Now and then something no compiler would write."""
        rng = self.rng
        if rng.random() < 0.8:
            return self.alu(depth)
        pick = rng.randrange(5)
        reg = rng.choice((7, 8, 9))
        if pick == 0:
            return [
                Insn(
                    rng.choice((o.ALU, o.ALU64)) | rng.choice((o.ADD, o.SUB, o.AND, o.XOR)) | o.X,
                    reg,
                    rng.choice((6, 10)),
                )
            ]
        if pick == 1:
            return [movr(2, 10), Insn(o.ALU64 | rng.choice((o.ADD, o.SUB)) | o.X, 2, reg), ldx(self.width(), 3, 2, -8)]
        if pick == 2:
            return [Insn(o.JMP | rng.choice(JUMP_OPS) | o.X, rng.choice((6, 10)), reg, 0)]
        if pick == 3:
            return (
                [kfunc("bpf_throw")]
                if rng.random() < 0.5
                else [movr(1, CTX), kfunc("bpf_cast_to_kern_ctx"), ldx(o.W, 1, 0, 8)]
            )
        return [Insn(rng.randrange(256), reg, rng.randrange(11), 0, rng.choice(NUMBERS))]
