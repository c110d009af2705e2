"""Statements about objects that are acquired and released: records, dynptrs, locks, timers, tasks and regions."""

from __future__ import annotations

from fuzz import calls
from fuzz.generate import CTX, EXIT, OUT, Function, add, call, mov, movr
from fuzz.insns import BUFFER, SLOT, address, kfunc, ldx, load_map, skip, stx
from fuzz.wide_numbers import NumberStatements
from fuzz.world import BY_NAME
from vm.isa import opcodes as o
from vm.isa.insn import Insn


class ObjectStatements(NumberStatements):
    """Objects and regions."""

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
            out += [*self.lookup(BY_NAME["big"]), Insn(o.JMP | o.JEQ | o.K, 0, 0, OUT, 0), movr(1, 0)]
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
        out = self.lookup(BY_NAME[rng.choice(("special", "special_table"))])
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
        out = self.lookup(number)
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
        out = self.lookup(BY_NAME["special"])
        if rng.random() < 0.3:
            body = [movr(reg, 0), ldx(o.DW, 1, reg, 24), *skip(o.JEQ, 1, 0, [ldx(o.W, 2, 1, rng.randrange(0, 64, 4))])]
        return [*out, *skip(o.JEQ, 0, 0, [*body, mov(reg, 0)])]

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
