"""Statements with jumps: loops of each kind, and far jumps."""

from __future__ import annotations

from fuzz.generate import add, mov, movr
from fuzz.insns import BUFFER, SLOT, kfunc, ldx, skip, st, stx
from fuzz.wide_numbers import NumberStatements
from vm.isa import opcodes as o
from vm.isa.insn import Insn


class LoopStatements(NumberStatements):
    """Loops and jumps."""

    def counted(self, depth: int) -> list[Insn]:
        """A loop counted in a register that is known, narrowed or not at all."""
        rng = self.rng
        reg = rng.choice((7, 8, 9))
        start = rng.random()
        out = [mov(reg, rng.choice((0, 0, 1)))] if start < 0.7 else [Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, 3)]
        others = sorted({0, 1, 2, 3, 7, 8, 9} - {reg})
        body = [*[mov(r, 1) for r in (0, 1, 2, 3)], *self.inside(set(others), 1)]
        body = [i for i in body if i.dst_reg != reg or i.code & 7 in (o.ST, o.STX, o.JMP, o.JMP32)]
        step = rng.choice((1, 1, 2, 3))
        op = rng.choice((o.JLT, o.JLE, o.JSLT, o.JNE) if step == 1 else (o.JLT, o.JLE, o.JSLT))
        body += [add(reg, step)]
        self.nums = {0, 1, 2, 3, 7, 8, 9}
        return [
            *out,
            *body,
            Insn(rng.choice((o.JMP, o.JMP, o.JMP32)) | op | o.K, reg, 0, -len(body) - 1, rng.randint(4, 12)),
        ]

    def may_goto(self, depth: int) -> list[Insn]:
        rng = self.rng
        # Everything the body reads is written before: the second time round finds it as the first.
        body = self.inside({7, 8, 9}, rng.randint(1, 2))
        if rng.random() < 0.4:
            body += [ldx(o.DW, 1, 10, SLOT), add(1, 1), stx(o.DW, 10, 1, SLOT)]
        out = [st(o.DW, 10, SLOT, 0)]
        leave = Insn(o.JMP | o.JCOND, 0, o.MAY_GOTO, len(body) + 1)
        self.nums = {7, 8, 9}
        return [*out, leave, *body, Insn(o.JMP | o.JA, 0, 0, -len(body) - 2)]

    def iterator(self, depth: int) -> list[Insn]:
        """bpf_iter_num or bpf_iter_bits, with its loop."""
        rng = self.rng
        place = [movr(1, 10), add(1, SLOT)]
        body = [ldx(o.W, 1, 0, 0), *self.inside({1, 7, 8, 9})]
        if rng.random() < 0.7:
            name = "num"
            out = [*place, mov(2, rng.choice((0, -5, 3))), mov(3, rng.choice((10, 2, 100))), kfunc("bpf_iter_num_new")]
        else:
            name = "bits"
            out = [
                *self.buffer(),
                *place,
                movr(2, 10),
                add(2, BUFFER),
                mov(3, rng.choice((1, 2, 4))),
                kfunc("bpf_iter_bits_new"),
            ]
        body += [Insn(o.JMP | o.JA, 0, 0, -len(body) - 5)]
        loop = [*place, kfunc(f"bpf_iter_{name}_next"), *skip(o.JEQ, 0, 0, body)]
        self.called()
        self.nums = {7, 8, 9}
        self.slots -= {SLOT}
        end = [*place, kfunc(f"bpf_iter_{name}_destroy")]
        return [*out, *loop, *([] if self.slips() else end)]

    def far_jump(self, depth: int) -> list[Insn]:
        body = self.inside({7, 8, 9})
        return [Insn(o.JMP32 | o.JA, 0, 0, 0, len(body) if self.rng.random() < 0.3 else 0), *body]
