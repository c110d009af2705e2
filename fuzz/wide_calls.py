"""Statements that call: helpers, functions of the program, callbacks and other programs."""

from __future__ import annotations

from fuzz import calls
from fuzz.generate import CTX, EXIT, Function, add, call, mov, movr
from fuzz.insns import BUFFER, address, ldx, load_map, local, skip, stx
from fuzz.wide_numbers import NumberStatements
from fuzz.world import BY_NAME
from vm.isa import opcodes as o
from vm.isa.insn import Insn


class CallStatements(NumberStatements):
    """Calls."""

    def any_helper(self, depth: int) -> list[Insn]:
        out = calls.any_call(self, self.rng)
        self.called()
        self.nums.discard(0)
        return out

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

    def tail_call(self, depth: int) -> list[Insn]:
        rng = self.rng
        index = mov(3, rng.choice((0, 1, 2, 3))) if rng.random() < 0.5 else movr(3, self.kept())
        out = [movr(1, CTX), *load_map(2, BY_NAME["programs"]), index, call(12)]
        self.called()
        self.nums.discard(0)
        return out
