"""Random programs that are mostly right: numbers, branches, loops, stack, ctx, packet, map values, a subprogram.

A program is made of statements that keep a small model of which registers hold numbers, so that most are
accepted and walk far; now and then a statement forgets its check or is off by one, so that some are not.
The same seed gives the same program.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec, Program

ARRAY: Final = 2
HASH: Final = 1
MAPS: Final = (
    MapSpec("numbers", ARRAY, 4, 16, 4, full_name="numbers"),
    MapSpec("table", HASH, 4, 24, 8, full_name="table"),
)
# section, BPF_PROG_TYPE_*, ctx offsets of data and data_end (or None), 32-bit ctx fields it may read
KINDS: Final[tuple[tuple[str, int, tuple[int, int] | None, tuple[int, ...]], ...]] = (
    ("xdp", 6, (0, 4), (12, 16)),
    ("tc", 3, (76, 80), (0, 4, 8, 16, 20, 32, 36, 40, 48)),
    ("socket", 1, None, (0, 4, 16, 20, 40, 48)),
)
NUMBERS: Final = (
    0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 255, 256, 4095, 65535, 65536, 0x7FFFFFFF, -0x80000000,
    -1, -2, -8, -16, -255, -4096, 0x55555555, 0x0F0F0F0F,
)  # fmt: skip
ALU_OPS: Final = (o.ADD, o.SUB, o.MUL, o.DIV, o.OR, o.AND, o.LSH, o.RSH, o.MOD, o.XOR, o.MOV, o.ARSH)
JUMP_OPS: Final = (o.JEQ, o.JGT, o.JGE, o.JSET, o.JNE, o.JSGT, o.JSGE, o.JLT, o.JLE, o.JSLT, o.JSLE)
SIZES: Final = (o.B, o.H, o.W, o.DW)
SHIFTS: Final = (o.LSH, o.RSH, o.ARSH)
CTX: Final = 6
OUT: Final = 0x7FFF  # jump offset that stands for "to the end"
EXIT: Final = Insn(o.JMP | o.EXIT)


class Function(NamedTuple):
    """A function beside a program: exported ones are verified alone. `tags` are (parameter, "arg:…")."""

    insns: tuple[Insn, ...]
    params: tuple[str, ...] = ("int", "int")
    ret: str = "int"
    exported: bool = False
    tags: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A program before it is an object: `main` slots of insns are its own, the rest a function it calls.

    functions -- more of them; a call of number n has off n + 1 and an address of it has imm n
    """

    section: str
    prog_type: int
    insns: tuple[Insn, ...]
    main: int
    functions: tuple[Function, ...] = ()

    def program(self, name: str = "p") -> Program:
        """As a loader would give it."""
        return Program(name, self.section, self.prog_type, self.insns, maps=MAPS)


def make(seed: int, sloppy: float = 0.03) -> Made:
    """The program of a seed. `sloppy` is how often a statement forgets its check."""
    return Maker(random.Random(seed), sloppy).make()


def mov(dst: int, imm: int) -> Insn:
    """dst = imm"""
    return Insn(o.ALU64 | o.MOV | o.K, dst, 0, 0, imm)


def movr(dst: int, src: int) -> Insn:
    """dst = src"""
    return Insn(o.ALU64 | o.MOV | o.X, dst, src)


def add(dst: int, imm: int) -> Insn:
    return Insn(o.ALU64 | o.ADD | o.K, dst, 0, 0, imm)


def call(helper: int) -> Insn:
    return Insn(o.JMP | o.CALL, 0, 0, 0, helper)


class Maker:
    def __init__(self, rng: random.Random, sloppy: float) -> None:
        self.rng = rng
        self.sloppy = sloppy
        self.section, self.prog_type, self.packet, self.fields = rng.choice(KINDS)
        self.nums: set[int] = set()
        self.slots: set[int] = set()  # stack slots that hold numbers, as offsets
        self.calls_sub = False
        self.length = (3, 9)
        self.statements: tuple[tuple[int, Callable[[int], list[Insn]]], ...] = (
            (10, self.alu), (5, self.branch), (1, self.loop), (4, self.stack), (2, self.field), (3, self.read_packet),
            (3, self.map_value), (2, self.number), (1, self.sub), (1, self.atomic), (1, self.stack_var),
        )  # fmt: skip

    def make(self) -> Made:
        rng = self.rng
        body = [movr(CTX, 1)]
        for reg in (7, 8, 9):
            body += rng.choice((self.number, self.field))(reg)
            self.nums.add(reg)
        body += self.block(rng.randint(*self.length), 0)
        body += [self.result(), EXIT]
        out = len(body)
        if any(insn.off == OUT for insn in body):
            body += [mov(0, rng.randint(0, 1)), EXIT]
        body = [i._replace(off=out - at - 1) if i.off == OUT else i for at, i in enumerate(body)]
        main = len(body)
        for at, insn in enumerate(body):
            if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
                body[at] = insn._replace(imm=main - at - 1)
        if self.calls_sub:
            body += self.function()
        return Made(self.section, self.prog_type, tuple(body), main)

    def result(self) -> Insn:
        return movr(0, self.rng.choice((7, 8, 9)))

    def function(self) -> list[Insn]:
        """int f(number, number): a few operations and a branch of its own."""
        rng = self.rng
        self.nums, self.slots = {1, 2}, set()
        body = [*self.alu(1), *self.alu(2), movr(0, 1), *self._alu(0, 2)]
        skip = [*self._alu(0, 1), *self._alu(0, 2)]
        jump = Insn(rng.choice((o.JMP, o.JMP32)) | rng.choice(JUMP_OPS) | o.K, 2, 0, len(skip), rng.choice(NUMBERS))
        return [*body, jump, *skip, EXIT]

    def block(self, count: int, depth: int) -> list[Insn]:
        out: list[Insn] = []
        weights = [w if depth < 3 or f not in (self.branch, self.loop) else 0 for w, f in self.statements]
        for _ in range(count):
            _, statement = self.rng.choices(self.statements, weights)[0]
            out += statement(depth)
        return out

    def slips(self) -> bool:
        return self.rng.random() < self.sloppy

    def any(self) -> int:
        return self.rng.choice(sorted(self.nums))

    def kept(self) -> int:
        """A number calls do not take away."""
        return self.rng.choice((7, 8, 9))

    def called(self) -> None:
        self.nums -= {1, 2, 3, 4, 5}
        self.nums.add(0)

    # -- statements: each gives instructions and keeps the model true ------------------------------

    def number(self, dst: int) -> list[Insn]:
        """A constant, or a number nobody knows."""
        rng = self.rng
        dst = dst if dst in (7, 8, 9) else self.kept()
        if rng.random() < 0.5:
            self.called()
            return [call(7), movr(dst, 0)]
        if rng.random() < 0.2:
            return [
                Insn(o.LD_IMM64, dst, 0, 0, rng.choice(NUMBERS)),
                Insn(0, 0, 0, 0, rng.choice(NUMBERS)),
            ]
        return [mov(dst, rng.choice(NUMBERS))]

    def field(self, dst: int) -> list[Insn]:
        dst = dst if dst in (7, 8, 9) else self.kept()
        return [Insn(o.LDX | o.MEM | o.W, dst, CTX, self.rng.choice(self.fields))]

    def alu(self, dst: int) -> list[Insn]:
        rng = self.rng
        out: list[Insn] = []
        for _ in range(rng.randint(1, 3)):
            out += self._alu(self.any(), self.any() if rng.random() < 0.5 else -1)
        return out

    def _alu(self, dst: int, src: int) -> list[Insn]:
        rng = self.rng
        width = rng.choice((o.ALU64, o.ALU))
        op = rng.choice((*ALU_OPS, o.NEG, o.END))
        if op == o.NEG:
            return [Insn(width | op, dst)]
        if op == o.END:
            order = rng.choice((o.K, o.X)) if width == o.ALU else o.K
            return [Insn(width | op | order, dst, 0, 0, rng.choice((16, 32, 64)))]
        off = 0
        if op == o.MOV and src >= 0 and rng.random() < 0.6:
            off = rng.choice((8, 16, 32) if width == o.ALU64 else (8, 16))
        if op in (o.DIV, o.MOD) and rng.random() < 0.4:
            off = 1
        if src >= 0:
            guard = []
            if op in SHIFTS and rng.random() < 0.7:
                guard = [Insn(o.ALU64 | o.AND | o.K, src, 0, 0, rng.choice((7, 15, 31)))] if src != dst else []
            return [*guard, Insn(width | op | o.X, dst, src, off)]
        imm = rng.choice(NUMBERS) if rng.random() < 0.8 else rng.randint(-(1 << 31), (1 << 31) - 1)
        if op in SHIFTS:
            imm = rng.randrange(64 if width == o.ALU64 else 32)
        if op in (o.DIV, o.MOD) and imm == 0:
            imm = 3
        return [Insn(width | op | o.K, dst, 0, off, imm)]

    def _cond(self, skip: int) -> Insn:
        rng = self.rng
        code = rng.choice((o.JMP, o.JMP32)) | rng.choice(JUMP_OPS)
        if rng.random() < 0.5:
            return Insn(code | o.X, self.any(), self.any(), skip)
        return Insn(code | o.K, self.any(), 0, skip, rng.choice(NUMBERS))

    def branch(self, depth: int) -> list[Insn]:
        rng = self.rng
        nums, slots = set(self.nums), set(self.slots)
        probe = self._cond(0)
        then = self.block(rng.randint(1, 3), depth + 1)
        after = (self.nums, self.slots)
        self.nums, self.slots = nums, slots
        other: list[Insn] = []
        if rng.random() < 0.5:
            other = self.block(rng.randint(1, 2), depth + 1)
            then = [*then, Insn(o.JMP | o.JA, 0, 0, len(other))]
        self.nums, self.slots = self.nums & after[0], self.slots & after[1]
        return [probe._replace(off=len(then)), *then, *other]

    def loop(self, depth: int) -> list[Insn]:
        """A counter on the stack, so that the body may use every register."""
        rng = self.rng
        slot = -8 * rng.randint(20, 24)
        nums, slots = set(self.nums), set(self.slots)
        body = self.block(rng.randint(1, 2), 3)
        self.nums, self.slots = (self.nums & nums) | {0}, self.slots & slots
        self.nums -= {1}
        body += [
            Insn(o.LDX | o.MEM | o.DW, 0, 10, slot),
            add(0, 1),
            Insn(o.STX | o.MEM | o.DW, 10, 0, slot),
        ]
        back = Insn(o.JMP | o.JLT | o.K, 0, 0, 0, rng.randint(1, 6))
        # What the body may lose must not be read by it the second time round: start with what it keeps.
        fill = [mov(r, 0) for r in sorted(nums - {0, 7, 8, 9})]
        head = [Insn(o.ST | o.MEM | o.DW, 10, 0, slot, 0)]
        refill = [mov(r, 1) for r in sorted(nums & {0, 1, 2, 3, 4, 5})]
        self.nums |= nums & {0, 1, 2, 3, 4, 5}
        body = [*refill, *body]
        self.nums = {0, 7, 8, 9}
        return [*fill, *head, *body, back._replace(off=-len(body) - 1)]

    def stack(self, depth: int) -> list[Insn]:
        rng = self.rng
        if self.slots and rng.random() < 0.6:
            slot = rng.choice(sorted(self.slots))
            size = rng.choice(SIZES)
            width = o.SIZE_BYTES[size]
            at = slot + width * rng.randrange(8 // width)
            dst = self.kept()
            mode = o.MEMSX if size != o.DW and rng.random() < 0.2 else o.MEM
            return [Insn(o.LDX | mode | size, dst, 10, at)]
        slot = -8 * rng.randint(1, 12)
        self.slots.add(slot)
        out: list[Insn] = []
        if rng.random() < 0.3:
            out = [Insn(o.ST | o.MEM | o.DW, 10, 0, slot, rng.choice(NUMBERS))]
            size = rng.choice(SIZES)
            width = o.SIZE_BYTES[size]
            at = slot + width * rng.randrange(8 // width)
            return [*out, Insn(o.STX | o.MEM | size, 10, self.any(), at)]
        return [Insn(o.STX | o.MEM | o.DW, 10, self.any(), slot)]

    def stack_var(self, depth: int) -> list[Insn]:
        """A write or read of the stack at an offset the verifier knows only a range of."""
        rng = self.rng
        reg = self.kept()
        out = [Insn(o.ST | o.MEM | o.DW, 10, 0, -8 * n, rng.choice((0, 0, 5))) for n in (13, 14)]
        out += [Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, rng.choice((3, 7, 8, 12, 15)))]
        out += [movr(5, 10), Insn(o.ALU64 | o.ADD | o.X, 5, reg), add(5, -112)]
        if rng.random() < 0.5:
            out += [Insn(o.STX | o.MEM | o.B, 5, self.kept(), 0 if not self.slips() else 1)]
        else:
            out += [Insn(o.LDX | o.MEM | o.B, reg, 5, 0)]
        self.nums.discard(5)
        self.slots |= {-104, -112}
        return out

    def read_packet(self, depth: int) -> list[Insn]:
        rng = self.rng
        if self.packet is None:
            return self.field(depth)
        data, end = self.packet
        need = rng.choice((1, 2, 8, 14, 34, 54))
        out = [Insn(o.LDX | o.MEM | o.W, 2, CTX, data), Insn(o.LDX | o.MEM | o.W, 3, CTX, end)]
        if rng.random() < 0.4:
            reg = self.kept()
            out += [Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, rng.choice((1, 3, 15, 60, 255)))]
            out += [Insn(o.ALU64 | o.ADD | o.X, 2, reg)]
        out += [movr(4, 2), add(4, need)]
        if not self.slips():
            over = Insn(o.JMP | o.JGT | o.X, 4, 3, OUT) if rng.random() < 0.7 else Insn(o.JMP | o.JLT | o.X, 3, 4, OUT)
            out += [over]
        size = rng.choice([s for s in SIZES if o.SIZE_BYTES[s] <= need])
        at = rng.randint(0, need - o.SIZE_BYTES[size]) + (1 if self.slips() else 0)
        if rng.random() < 0.25:
            out += [Insn(o.STX | o.MEM | size, 2, self.kept(), at)]
        else:
            out += [Insn(o.LDX | o.MEM | size, self.kept(), 2, at)]
        self.nums -= {2, 3, 4}
        return out

    def map_value(self, depth: int) -> list[Insn]:
        """A lookup, its null check, and an access at a fixed or a bounded offset."""
        rng = self.rng
        index = rng.randrange(len(MAPS))
        key = rng.randint(0, 4)
        out = [Insn(o.ST | o.MEM | o.W, 10, 0, -128, key), movr(2, 10), add(2, -128)]
        if rng.random() < 0.3:
            out[0] = Insn(o.STX | o.MEM | o.W, 10, self.kept(), -128)
        out += [Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD, 0, index), Insn(0), call(1)]
        self.called()
        if not self.slips():
            out += [Insn(o.JMP | o.JEQ | o.K, 0, 0, OUT, 0)]
        size = rng.choice(SIZES)
        room = MAPS[index].value_size - o.SIZE_BYTES[size]
        if rng.random() < 0.6:
            reg = self.kept()
            most = room + (1 if self.slips() else 0)
            if rng.random() < 0.5:
                out += [Insn(o.JMP | o.JGT | o.K, reg, 0, OUT, most)]
            else:
                out += [Insn(o.ALU64 | o.AND | o.K, reg, 0, 0, 7)]
                if rng.random() < 0.1:
                    out += [Insn(o.ALU64 | o.LSH | o.K, reg, 0, 0, 1), add(reg, -6), add(0, 6)]
            out += [Insn(o.ALU64 | o.ADD | o.X, 0, reg)]
            at = 0
        else:
            at = rng.randint(0, room) + (1 if self.slips() else 0)
        if rng.random() < 0.4:
            out += [Insn(o.STX | o.MEM | size, 0, self.kept(), at)]
        else:
            out += [Insn(o.LDX | o.MEM | size, self.kept(), 0, at)]
        self.nums.discard(0)
        return out

    def atomic(self, depth: int) -> list[Insn]:
        rng = self.rng
        size = rng.choice((o.W, o.DW))
        op = rng.choice((o.ADD, o.OR, o.AND, o.XOR, o.ADD | o.FETCH, o.XOR | o.FETCH, o.XCHG, o.CMPXCHG))
        out = [Insn(o.STX | o.MEM | o.DW, 10, self.kept(), -136)]
        if op == o.CMPXCHG:
            out += [movr(0, self.kept())]
            self.nums.add(0)
        return [*out, Insn(o.STX | o.ATOMIC | size, 10, self.kept(), -136, op)]

    def sub(self, depth: int) -> list[Insn]:
        self.calls_sub = True
        out = [movr(1, self.kept()), movr(2, self.kept()), Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 0)]
        self.called()
        return out
