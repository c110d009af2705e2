"""Random programs of every type that loads without a target: the statements of fuzz.generate and many more.

Registers: r6 is the context, r7 to r9 hold numbers, the others are whatever the last statement left.
The stack below -200 belongs to the statements here: -216 and -224 dynptrs and iterators, -288 to -225 a buffer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from fuzz import calls
from fuzz.generate import CTX, EXIT, JUMP_OPS, NUMBERS, OUT, SIZES, Function, Made, Maker, add, call, mov, movr
from fuzz.world import BY_NAME, DATA_SIZE, KFUNC, VALUES, WIDE_KINDS, WIDE_MAPS
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.kfuncs import kfunc_flags

BUFFER: Final = -288
SLOT: Final = -216
ATOMICS: Final = (
    o.ADD, o.OR, o.AND, o.XOR, o.ADD | o.FETCH, o.OR | o.FETCH, o.AND | o.FETCH, o.XOR | o.FETCH, o.XCHG, o.CMPXCHG,
)  # fmt: skip


def make(seed: int, sloppy: float = 0.02) -> Made:
    """The program of a seed; its map numbers are those of WIDE_MAPS."""
    return Wide(random.Random(seed), sloppy).make()


def ldx(size: int, dst: int, src: int, off: int) -> Insn:
    """dst = *(size *)(src + off)"""
    return Insn(o.LDX | o.MEM | size, dst, src, off)


def stx(size: int, dst: int, src: int, off: int) -> Insn:
    """*(size *)(dst + off) = src"""
    return Insn(o.STX | o.MEM | size, dst, src, off)


def st(size: int, dst: int, off: int, imm: int) -> Insn:
    """*(size *)(dst + off) = imm"""
    return Insn(o.ST | o.MEM | size, dst, 0, off, imm)


def load_map(dst: int, number: int) -> list[Insn]:
    """dst = the map of that number in WIDE_MAPS"""
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_MAP_FD, 0, number), Insn(0)]


def kfunc(name: str) -> Insn:
    """A call of a kernel function."""
    return Insn(o.JMP | o.CALL, 0, o.PSEUDO_KFUNC_CALL, 0, KFUNC[name])


def local(number: int) -> Insn:
    """A call of the program's function of that number."""
    return Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, number + 1)


def address(dst: int, number: int) -> list[Insn]:
    """dst = address of the program's function of that number"""
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_FUNC, 0, number), Insn(0)]


def skip(op: int, reg: int, imm: int, body: list[Insn]) -> list[Insn]:
    """The body, jumped over if the condition holds."""
    return [Insn(o.JMP | op | o.K, reg, 0, len(body), imm), *body]


class Wide(Maker):
    """Adds statements to the plain maker's; each keeps the model of registers and stack true."""

    def __init__(self, rng: random.Random, sloppy: float) -> None:
        super().__init__(rng, sloppy)
        self.kind = rng.choice(WIDE_KINDS[:2]) if rng.random() < 0.25 else rng.choice(WIDE_KINDS)
        self.section, self.prog_type = self.kind.section, self.kind.prog_type
        # Plain reads of packets know four-byte pointers only.
        self.packet = (self.kind.data, self.kind.end) if self.kind.data >= 0 and self.kind.width == 4 else None
        self.fields = (0,)
        self.functions: list[Function] = []
        self.dependable = calls.readable(self.kind.section, self.kind.ctx)
        wide: tuple[tuple[int, Callable[[int], list[Insn]]], ...] = (
            (4, self.ctx_field), (4, self.any_helper), (2, self.value_of_any_map),
            (2, self.packet_wide),
            (2, self.static_call), (2, self.global_call), (2, self.callback), (2, self.counted), (2, self.may_goto),
            *((1, s) for s in (self.ringbuf, self.inner_map, self.locked, self.timer)),
            (self.can("bpf_iter_num_new"), self.iterator), (self.can("bpf_dynptr_size"), self.dynptr),
            (self.can("bpf_task_from_pid"), self.kptr), (self.can("bpf_rcu_read_lock"), self.region),
            (1, self.tail_call), (2, self.global_data), (1, self.far_jump), (1, self.absolute),
            (3, self.partial), (2, self.any_atomic), (3, self.linked), (2, self.rare_alu), (1, self.wild),
            (2, self.spilled_pointer),
        )  # fmt: skip
        self.statements = (*((w, f) for w, f in self.statements if f != self.field), *wide)
        if rng.random() < 0.35:
            # Numbers, branches and loops without end: what pruning, precision and linked registers are about.
            self.length = (8, 20)
            self.statements = (
                (6, self.alu), (8, self.branch), (2, self.loop), (4, self.stack), (4, self.linked), (3, self.partial),
                (2, self.rare_alu), (3, self.static_call), (2, self.counted), (2, self.value_of_any_map),
                (2, self.number), (1, self.stack_var), (1, self.may_goto), (2, self.callback),
                (1, self.spilled_pointer),
                (self.can("bpf_iter_num_new"), self.iterator), (1, self.global_data), (2, self.packet_wide),
            )  # fmt: skip

    def make(self) -> Made:
        made = super().make()
        return Made(made.section, made.prog_type, made.insns, made.main, tuple(self.functions))

    def result(self) -> Insn:
        # Most types ask for a small one.
        return mov(0, self.rng.randint(0, 1)) if self.rng.random() < 0.85 else super().result()

    # -- pieces -------------------------------------------------------------------------------------

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

    def inside(self, nums: set[int], count: int = 1) -> list[Insn]:
        """A block for another function or region: its registers are these, its stack is empty, nothing jumps out."""
        kept, self.nums, self.slots = (self.nums, self.slots), set(nums), set()
        simple = (self.alu, self.alu, self.stack, self.rare_alu, self.linked)
        out: list[Insn] = []
        for _ in range(count):
            out += self.rng.choice(simple)(3)
        self.nums, self.slots = kept
        return [insn._replace(off=0) if insn.off == OUT else insn for insn in out]

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

    # -- statements ---------------------------------------------------------------------------------

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

    def any_helper(self, depth: int) -> list[Insn]:
        out = calls.any_call(self, self.rng)
        self.called()
        self.nums.discard(0)
        return out

    def _lookup(self, number: int, to: int = 0) -> list[Insn]:
        """r0 = lookup; the key is in the buffer."""
        rng = self.rng
        out = self.buffer()
        if rng.random() < 0.3:
            out += [stx(o.W, 10, self.kept(), BUFFER)]
        out += [movr(2, 10), add(2, BUFFER), *load_map(1, number), call(1)]
        self.called()
        self.nums.discard(0)
        return out

    def value_of_any_map(self, depth: int) -> list[Insn]:
        rng = self.rng
        number = rng.choice(VALUES)
        size = self.width()
        room = WIDE_MAPS[number].value_size - o.SIZE_BYTES[size]
        out = self._lookup(number)
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

    def static_call(self, depth: int) -> list[Insn]:
        rng = self.rng
        by_pointer = rng.random() < 0.4
        if by_pointer:
            size = self.width()
            body = [mov(0, 0), ldx(size, 0, 1, 8 * rng.randint(0, 2)), stx(size, 1, 2, 0)]
            body += self.inside({0, 2})
            number = self.add_function(Function((*body, EXIT), ("long *", "int")))
            out = [*self.buffer(), movr(1, 10), add(1, BUFFER), movr(2, self.kept())]
        else:
            body = [movr(0, 1), *self.inside({0, 1, 2}, 2)]
            number = self.add_function(Function((*body, EXIT)))
            out = [movr(1, self.kept()), movr(2, self.kept())]
        self.called()
        return [*out, local(number), movr(self.kept(), 0)]

    def global_call(self, depth: int) -> list[Insn]:
        """A function that is verified alone, by what its parameters' types and tags promise."""
        rng = self.rng
        style = rng.randrange(5)
        params: tuple[str, ...] = ("struct pair *", "int")
        tags: tuple[tuple[int, str], ...] = ()
        body = [mov(0, 0)]
        look = [ldx(self.width(), 0, 1, rng.choice((0, 4, 8)) if not self.slips() else 12)]
        if style == 0:
            params, body = ("int", "int"), [movr(0, 1)]
        elif style == 1:
            body += look if self.slips() else skip(o.JEQ, 1, 0, look)
        elif style == 2:
            tags, body = ((0, "arg:nonnull"),), [*body, *look]
        elif style == 3:
            params, tags = ("void *", "int"), ((0, "arg:ctx"),)
        else:
            params, tags = ("struct task_struct *", "int"), ((0, rng.choice(("arg:trusted", "arg:nullable"))),)
        body += self.inside({0, 2})
        ret = "int" if rng.random() < 0.9 else "void"
        number = self.add_function(Function((*body, EXIT), params, ret, True, tags))
        out = [*self.buffer(), movr(1, 10), add(1, BUFFER), movr(2, self.kept())]
        if style == 0:
            out = [movr(1, self.kept()), movr(2, self.kept())]
        elif style == 3:
            out = [movr(1, CTX), movr(2, self.kept())]
        elif rng.random() < 0.15:
            out[-2:] = [mov(1, 0), movr(2, self.kept())]
        self.called()
        if ret == "void":
            self.nums.discard(0)
        return [*out, local(number)]

    def callback(self, depth: int) -> list[Insn]:
        """bpf_loop() or bpf_for_each_map_elem()."""
        rng = self.rng
        looks = [ldx(o.DW, 3, 2, 0), Insn(o.ALU64 | o.ADD | o.X, 3, 1), stx(o.DW, 2, 3, 0)]
        body = [*(looks if rng.random() < 0.6 else []), *self.inside({1})]
        out = self.buffer()
        if rng.random() < 0.65:
            body += [mov(0, rng.choice((0, 0, 1))), EXIT]
            if rng.random() < 0.3:
                body[-2:-2] = [mov(0, 1), Insn(o.JMP | o.JGT | o.K, 1, 0, 1, rng.randint(0, 20))]
            number = self.add_function(Function(tuple(body), ("int", "long *")))
            count = mov(1, rng.choice((0, 1, 3, 10, 100, 1 << 24))) if rng.random() < 0.6 else movr(1, self.kept())
            out += [
                count,
                *address(2, number),
                movr(3, 10),
                add(3, BUFFER),
                mov(4, 1 if self.slips() else 0),
                call(181),
            ]
        else:
            over = rng.choice(("numbers", "table", "percpu", "lru", "special"))
            body = [ldx(o.DW, 5, 4, 0), ldx(self.width(), 0, 3, rng.choice((0, 0, 8))), *self.inside({0, 5})]
            body += [mov(0, rng.choice((0, 0, 0, 1, 2)))]
            params = ("void *", "int *", "long *", "long *")
            number = self.add_function(Function((*body, EXIT), params, "long"))
            out += [*load_map(1, BY_NAME[over]), *address(2, number), movr(3, 10), add(3, BUFFER), mov(4, 0), call(164)]
        self.called()
        self.slots -= set(range(BUFFER, BUFFER + 64, 8)) if rng.random() < 0.1 else set()
        return out

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

    def ringbuf(self, depth: int) -> list[Insn]:
        rng = self.rng
        size = rng.choice((8, 16, 32))
        out = [*load_map(1, BY_NAME["ring"]), mov(2, size), mov(3, 0), call(131)]
        width = self.width()
        body = [stx(width, 0, self.kept(), rng.randint(0, size - o.SIZE_BYTES[width]) + (1 if self.slips() else 0))]
        body += [movr(1, 0)]
        if rng.random() < 0.3:
            body += [stx(o.DW, 10, 1, SLOT), mov(1, 0), ldx(o.DW, 1, 10, SLOT)]
            self.slots -= {SLOT}
        body += [mov(2, 0), call(rng.choice((132, 133)))] if not self.slips() else []
        self.called()
        self.nums.discard(0)
        return [*out, *skip(o.JEQ, 0, 0, body)]

    def dynptr(self, depth: int) -> list[Insn]:
        """A dynptr over the ring buffer, a map value or the packet; read, written, sliced, and given back."""
        rng = self.rng
        place = SLOT - 8
        self.slots -= {place, place + 8}
        here = [movr(1, 10), add(1, place)]
        last = [movr(4, 10), add(4, place)]
        out = self.buffer()
        pick = rng.randrange(3)
        release: list[Insn] = []
        if pick == 0:
            out += [*load_map(1, BY_NAME["ring"]), mov(2, rng.choice((8, 64))), mov(3, 0), *last, call(198)]
            release = [*here, mov(2, 0), call(rng.choice((199, 200)))]
        elif pick == 1:
            out += [*self._lookup(BY_NAME["big"]), Insn(o.JMP | o.JEQ | o.K, 0, 0, OUT, 0), movr(1, 0)]
            out += [mov(2, rng.choice((64, 400))), mov(3, 0), *last, call(197)]
        else:
            name = "bpf_dynptr_from_xdp" if self.section == "xdp" else "bpf_dynptr_from_skb"
            out += [movr(1, CTX), mov(2, 0), movr(3, 10), add(3, place), kfunc(name)]
        uses: tuple[list[Insn], ...] = (
            [movr(1, 10), add(1, BUFFER), mov(2, 8), movr(3, 10), add(3, place), mov(4, 0), mov(5, 0), call(201)],
            [*here, mov(2, rng.choice((0, 4))), movr(3, 10), add(3, BUFFER), mov(4, 16), mov(5, 0), call(202)],
            [*here, mov(2, 0), mov(3, 8), call(203),
             *skip(o.JEQ, 0, 0, [ldx(self.width(), 1, 0, rng.choice((0, 0, 4)))])],
            [*here, mov(2, 0), movr(3, 10), add(3, BUFFER), mov(4, 16), kfunc("bpf_dynptr_slice"),
             *skip(o.JEQ, 0, 0, [ldx(self.width(), 1, 0, rng.choice((0, 8)))])],
            [*here, kfunc("bpf_dynptr_size")],
            [*here, mov(2, 1), mov(3, 4), kfunc("bpf_dynptr_adjust")],
            [*here, kfunc("bpf_dynptr_is_null")],
        )  # fmt: skip
        for _ in range(rng.randint(0, 2)):
            out += rng.choice(uses)
        self.called()
        self.nums.discard(0)
        return [*out, *([] if self.slips() else release)]

    def locked(self, depth: int) -> list[Insn]:
        """A map value's numbers under its lock."""
        rng = self.rng
        out = self._lookup(BY_NAME[rng.choice(("special", "special_table"))])
        middle = [ldx(o.DW, 2, 1, 32), add(2, 1), stx(o.DW, 1, 2, 40)] if rng.random() < 0.8 else self.inside({7, 8})
        body = [movr(1, 0), call(93), movr(1, 0), *middle, *([] if self.slips() else [call(94)])]
        # r0 is gone after the lock's call: keep the value in a saved register.
        reg = self.kept()
        body = [
            movr(reg, 0),
            movr(1, reg),
            call(93),
            movr(1, reg),
            *middle,
            movr(1, reg),
            *([] if self.slips() else [call(94)]),
        ]
        return [*out, *skip(o.JEQ, 0, 0, [*body, mov(reg, 0)])]

    def timer(self, depth: int) -> list[Insn]:
        rng = self.rng
        number = BY_NAME["special"]
        reg = self.kept()
        cb = self.add_function(Function((mov(0, 0), EXIT), ("void *", "int *", "void *")))
        value = [movr(1, reg), add(1, 8 if not self.slips() else 16)]
        body = [movr(reg, 0), *value, *load_map(2, number), mov(3, rng.choice((0, 1, 7))), call(169)]
        body += [*value, *address(2, cb), call(170), *value, mov(2, 1000), mov(3, 0), call(171)]
        body += [*value, call(172)] if rng.random() < 0.3 else []
        out = self._lookup(number)
        return [*out, *skip(o.JEQ, 0, 0, [*body, mov(reg, 0)])]

    def kptr(self, depth: int) -> list[Insn]:
        """A task into a map value and whatever was there back."""
        rng = self.rng
        reg = self.kept()
        give = [movr(1, 0), kfunc("bpf_task_release")]
        take = [movr(1, reg), add(1, 24), movr(2, 0) if rng.random() < 0.8 else mov(2, 0), call(194)]
        inner = [*take, *skip(o.JEQ, 0, 0, give)]
        if rng.random() < 0.25:
            inner = [ldx(o.W, 2, 0, rng.randrange(0, 64, 4)), *give]
        body = [movr(reg, 0), mov(1, 1), kfunc("bpf_task_from_pid"), *skip(o.JEQ, 0, 0, inner)]
        out = self._lookup(BY_NAME["special"])
        if rng.random() < 0.3:
            body = [movr(reg, 0), ldx(o.DW, 1, reg, 24), *skip(o.JEQ, 1, 0, [ldx(o.W, 2, 1, rng.randrange(0, 64, 4))])]
        return [*out, *skip(o.JEQ, 0, 0, [*body, mov(reg, 0)])]

    def inner_map(self, depth: int) -> list[Insn]:
        rng = self.rng
        out = self._lookup(BY_NAME[rng.choice(("outer", "outer_table"))])
        look = [movr(1, 0), movr(2, 10), add(2, BUFFER), call(1)]
        size = self.width()
        look += skip(o.JEQ, 0, 0, [stx(size, 0, self.kept(), rng.randint(0, 16 - o.SIZE_BYTES[size]))])
        return [*out, *(look if self.slips() else skip(o.JEQ, 0, 0, look))]

    def tail_call(self, depth: int) -> list[Insn]:
        rng = self.rng
        index = mov(3, rng.choice((0, 1, 2, 3))) if rng.random() < 0.5 else movr(3, self.kept())
        out = [movr(1, CTX), *load_map(2, BY_NAME["programs"]), index, call(12)]
        self.called()
        self.nums.discard(0)
        return out

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

    def far_jump(self, depth: int) -> list[Insn]:
        body = self.inside({7, 8, 9})
        return [Insn(o.JMP32 | o.JA, 0, 0, 0, len(body) if self.rng.random() < 0.3 else 0), *body]

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
        out = self._lookup(rng.choice((BY_NAME["numbers"], BY_NAME["table"])))
        source = self.kept()
        body = [movr(1, 0)]
        if op == o.CMPXCHG:
            body += [movr(0, self.kept())]
        body += [Insn(o.STX | o.ATOMIC | size, 1, source, 8 if rng.random() < 0.9 else 4, op)]
        self.nums.discard(0)
        return [*out, *skip(o.JEQ, 0, 0, body)]

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

    def region(self, depth: int) -> list[Insn]:
        """A region that sleeps not: RCU or preemption off."""
        start, end = self.rng.choice((("rcu_read_lock", "rcu_read_unlock"), ("preempt_disable", "preempt_enable")))
        body = self.inside({7, 8, 9})
        if self.rng.random() < 0.3:
            body += calls.any_call(self, self.rng)
            body = [insn._replace(off=0) if insn.off == OUT else insn for insn in body]
        self.called()
        self.nums.discard(0)
        return [kfunc("bpf_" + start), *body, *([] if self.slips() else [kfunc("bpf_" + end)])]

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
