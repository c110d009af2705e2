"""Random programs of every type that loads without a target: the statements of fuzz.generate and many more."""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzz.generate import Made
from fuzz.wide_calls import CallStatements
from fuzz.wide_loops import LoopStatements
from fuzz.wide_memory import MemoryStatements
from fuzz.wide_objects import ObjectStatements
from vm.isa.insn import Insn


def make(seed: int, sloppy: float = 0.02) -> Made:
    """The program of a seed; its map numbers are those of WIDE_MAPS."""
    return Wide(random.Random(seed), sloppy).make()


class Wide(MemoryStatements, CallStatements, LoopStatements, ObjectStatements):
    """Adds statements to the plain maker's; each updates the model of registers and stack."""

    def __init__(self, rng: random.Random, sloppy: float) -> None:
        super().__init__(rng, sloppy)
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
