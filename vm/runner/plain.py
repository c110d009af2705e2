"""Which programs read their context, without the verifier's types.

Some program types are compiled for a context that is not in memory: accesses of struct xdp_md and __sk_buff are
rewritten to accesses of the kernel's structures, for which the type of each register must be known. Without the
verifier it is not known; which registers *may* hold the context's address can be over-approximated.
"""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.rewritten import Rewritten
from vm.runner.context import SKB_TYPES, prog_type_name

# Program types with a convert_ctx_access() of their own (net/core/filter.c, kernel/trace/bpf_trace.c) that run here.
CONVERTED: Final = SKB_TYPES | {"xdp", "perf_event"}
PERF_EVENT_DATA: Final = "struct bpf_perf_event_data"
STRUCTS: Final = {"xdp": "struct xdp_md", "perf_event": PERF_EVENT_DATA}
RESULT: Final = 1 << 0  # r0
CONTEXT: Final = 1 << 1  # r1
ARGUMENTS: Final = 0b111110  # r1 to r5
CALL: Final = o.JMP | o.CALL
EXIT: Final = o.JMP | o.EXIT


def converted_context(rewritten: Rewritten) -> str | None:
    """The structure of a converted context that a program which was not verified may read; None if there is none."""
    kind = prog_type_name(rewritten.program.prog_type)
    if not rewritten.plain or kind not in CONVERTED or not _Flow(rewritten).reads_context():
        return None
    return STRUCTS.get(kind, "struct __sk_buff")


class _Flow:
    """Sets of registers that may hold an address inside the context, before each slot; they only grow.

    stored  -- such an address may be in memory, so any load may give one
    shared  -- one was given to a helper, which may hand it on to a callback
    """

    def __init__(self, rewritten: Rewritten) -> None:
        self.insns = rewritten.insns
        self.starts = rewritten.func_starts
        self.before = [0] * len(self.insns)
        self.seen = [False] * len(self.insns)
        self.stored = self.shared = self.returned = False
        self.callbacks = {int(ref.name) for ref in rewritten.refs.values() if ref.kind == "func"}
        self.todo: list[int] = []

    def reads_context(self) -> bool:
        changed = True
        while changed:
            known = (self.stored, self.shared, self.returned)
            self.seen = [False] * len(self.insns)
            self._reach(0, CONTEXT)
            for number in self.callbacks:
                self._reach(self.starts[number], ARGUMENTS if self.shared else 0)
            while self.todo:
                if self._step(self.todo.pop()):
                    return True
            changed = known != (self.stored, self.shared, self.returned)
        return False

    def _reach(self, slot: int, registers: int) -> None:
        """Merge these registers into the state before `slot`."""
        if not 0 <= slot < len(self.insns):
            return
        grown = self.before[slot] | registers
        if grown != self.before[slot] or not self.seen[slot]:
            self.before[slot] = grown
            self.seen[slot] = True
            self.todo.append(slot)

    def _step(self, slot: int) -> bool:
        """Interpret one instruction; True if it may read or write the context."""
        insn, regs = self.insns[slot], self.before[slot]
        cls = insn.code & 7
        dst, src = 1 << insn.dst_reg, 1 << insn.src_reg
        if cls in (o.JMP, o.JMP32):
            self._jump(slot, insn, regs)
            return False
        if cls == o.LDX:
            if regs & src:
                return True
            regs = regs | dst if self.stored else regs & ~dst
        elif cls in (o.ST, o.STX):
            if regs & dst:
                return True
            self.stored = self.stored or (cls == o.STX and bool(regs & src))
            if insn.code & 0xE0 == o.ATOMIC and self.stored:
                regs |= src | RESULT
        elif cls == o.LD:
            regs &= ~(dst if insn.code == o.LD_IMM64 else RESULT)
        else:
            from_register = insn.code & o.X and insn.code & 0xF0 not in (o.END, o.NEG)
            given = bool(from_register and regs & src)
            if insn.code & 0xF0 != o.MOV:
                given = given or bool(regs & dst)
            regs = regs | dst if given else regs & ~dst
        self._reach(slot + (2 if insn.code == o.LD_IMM64 else 1), regs)
        return False

    def _jump(self, slot: int, insn: Insn, regs: int) -> None:
        operation = insn.code & 0xF0
        if insn.code == EXIT:
            self.returned = self.returned or bool(regs & RESULT)
            return
        if insn.code == CALL:
            if insn.src_reg == o.PSEUDO_CALL and 0 <= insn.imm < len(self.starts):
                self._reach(self.starts[insn.imm], regs & ~RESULT)
            elif regs & ARGUMENTS & ~CONTEXT:
                self.shared = True
            regs &= ~(ARGUMENTS | RESULT)
            if insn.src_reg == o.PSEUDO_CALL and self.returned:
                regs |= RESULT
            self._reach(slot + 1, regs)
            return
        if operation != o.CALL:
            self._reach(slot + 1 + (insn.imm if insn.code == o.JMP32 | o.JA else insn.off), regs)
        if operation != o.JA:
            self._reach(slot + 1, regs)
