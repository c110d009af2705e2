"""Symbolic execution of one given path, instruction by instruction."""

from __future__ import annotations

from typing import Any, Final

import z3

from vm.bits import U64
from vm.counterexample import calls
from vm.counterexample.contexts import SKB_LEN, is_skb
from vm.counterexample.division import Divisions
from vm.counterexample.loops import widen
from vm.counterexample.memory import Object, number_of
from vm.counterexample.request import Known, PathStep, Request
from vm.counterexample.state import PER_CPU, Frame, Load, State
from vm.counterexample.values import (
    Condition,
    Number,
    Pointer,
    UnsupportedError,
    Value,
    add,
    arithmetic,
    bits,
    boolean,
    choose,
    comparison,
    decided,
    settled,
    widened,
)
from vm.isa import opcodes as o
from vm.isa.insn import Insn, imm64
from vm.verifier.state import reg_types as t

SCALAR: Final = t.SCALAR_VALUE
MAP_KINDS: Final = (o.PSEUDO_MAP_FD, o.PSEUDO_MAP_IDX)
VALUE_KINDS: Final = (o.PSEUDO_MAP_VALUE, o.PSEUDO_MAP_IDX_VALUE)
_NEGATED: Final = {o.JEQ: o.JNE, o.JNE: o.JEQ}
FIRST_SLOT: Final = 11


class Execution:
    """One path.

    racing -- other programs write map values concurrently: each read of a map value has a new unknown result
    `state` is the state before the next step; begun: the registers before the first step.
    """

    def __init__(self, request: Request, *, racing: bool = False) -> None:
        self.request = request
        self.racing = racing
        self.shared = 0  # loads of memory that other programs and user space may write concurrently
        self.state = State(request)
        self.after: list[int] = []  # number of constraints after each step
        # Registers of each frame after each step, outermost first; those of frames that wait are shared.
        self.snapshots: list[list[list[Value | None]]] = []
        self.divisions = Divisions(self.state)
        self._begin()
        self.begun = self.state.regs[:]
        self.first = len(self.state.constraints)

    def _begin(self) -> None:
        state, request = self.state, self.request
        first = request.steps[0].insn_idx
        for idx, known in request.entry.items():
            if idx == o.R10:
                continue
            if first == 0:
                ctx = known.type & 0xFF == t.PTR_TO_CTX
                state.regs[idx] = Pointer(state.ctx, 0) if ctx else self._unknown(known, idx)
            else:
                state.regs[idx] = self._argument(known, idx)
        if first:
            state.arguments = state.regs[1:6]

    def _argument(self, known: Known, idx: int) -> Value:
        """An argument of a global function, which is verified for all that its prototype allows."""
        if known.type == SCALAR:
            return self._unknown(known, idx)
        return self.state.pointer(known, f"argument {idx}")

    def _unknown(self, known: Known, idx: int) -> Value:
        value = self.state.fresh(f"r{idx} at the start")
        self.state.ranged(value, known)
        return value

    # -- steps ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Executes all steps except the last one, which was rejected."""
        steps = self.request.steps
        for at in range(len(steps) - 1):
            self.step(steps[at], steps[at + 1])

    def step(self, here: PathStep, following: PathStep) -> None:
        state = self.state
        insn = state.insns[here.insn_idx]
        _CLASSES[insn.code & 7](self, insn, here, following)
        for place, known in here.changed.items():
            state.known[place] = known
        self.snapshots.append([*(frame.saved for frame in state.frames), state.regs[:]])
        self.after.append(len(state.constraints))

    def known_after(self, here: PathStep, regno: int) -> Known | None:
        """What the verifier knew about a register after a step."""
        frame = len(self.state.frames)
        return here.changed.get((frame, regno)) or self.state.known.get((frame, regno))

    def value(self, regno: int) -> Value:
        found = self.state.regs[regno]
        if found is None:
            return self.state.fresh(f"r{regno} as it was")
        return found

    def number(self, regno: int) -> Number:
        return number_of(self.value(regno))

    # -- arithmetic -----------------------------------------------------------------------------------

    def _alu(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        self.state.regs[insn.dst_reg] = self.computed(insn)

    def computed(self, insn: Insn) -> Value:
        """The result of an arithmetic instruction."""
        operation = insn.code & 0xF0
        wide = insn.code & 7 == o.ALU64
        register = insn.code & 8 and operation not in (o.END, o.NEG)
        source: Value = self.value(insn.src_reg) if register else insn.imm & U64
        if operation == o.MOV and wide and not insn.off:
            return source
        a: Value = self.value(insn.dst_reg) if operation != o.MOV else 0
        if wide and operation in (o.ADD, o.SUB):
            if isinstance(a, Pointer) and not isinstance(source, Pointer):
                off = source if operation == o.ADD else arithmetic(o.ALU64 | o.NEG, 0, source, 0, 0)
                return a._replace(off=add(a.off, off))
            if isinstance(source, Pointer) and not isinstance(a, Pointer) and operation == o.ADD:
                return source._replace(off=add(source.off, a))
            if isinstance(a, Pointer) and isinstance(source, Pointer) and operation == o.SUB and a.obj is source.obj:
                return settled(bits(a.off) - bits(source.off))
        return self._numbers(insn, number_of(a), number_of(source))

    def _numbers(self, insn: Insn, a: Number, b: Number) -> Number:
        quotient = self.divisions.by_constant(insn.code, insn.off, a, b)
        if quotient is not None:
            return quotient
        operation = insn.code & 0xF0
        wide = insn.code & 7 == o.ALU64
        if wide and operation == o.RSH and isinstance(b, int) and not isinstance(a, int):
            quotient = self.divisions.shifted(a, b & 63)
            if quotient is not None:
                return quotient
        if operation == o.SUB and not isinstance(a, int) and not isinstance(b, int):
            remainder = self.divisions.remaining(a, b)
            if remainder is not None:
                return remainder
        result = arithmetic(insn.code, insn.off, a, b, insn.imm)
        if isinstance(result, int):
            return result
        if operation in (o.MUL, o.LSH) and isinstance(b, int) and not isinstance(a, int):
            self.divisions.scaled(result, a, b if operation == o.MUL else 1 << (b & 63))
        if wide and operation == o.MUL and isinstance(a, int) != isinstance(b, int):
            factor, x, regno = (b, a, insn.dst_reg) if isinstance(b, int) else (a, b, insn.src_reg)
            self.divisions.multiplied(result, x, factor, self.state.known.get((len(self.state.frames), regno)))
        return result

    # -- loads and stores -------------------------------------------------------------------------------

    def _ld(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        state = self.state
        if insn.code != o.LD_IMM64:
            self._packet_load(insn)
            return
        kind = insn.src_reg
        dst = insn.dst_reg
        if kind in MAP_KINDS:
            state.regs[dst] = Pointer(state.map(insn.imm), 0)
        elif kind in VALUE_KINDS:
            off = state.insns[here.insn_idx + 1].imm & 0xFFFFFFFF
            state.regs[dst] = Pointer(state.global_data(insn.imm), off)
        elif kind == o.PSEUDO_FUNC:
            function = Object("function", f"function {here.insn_idx + 1 + insn.imm}", 0, 0)
            function.details["start"] = here.insn_idx + 1 + insn.imm
            state.regs[dst] = Pointer(function, 0)
        elif kind == 0:
            state.regs[dst] = imm64(state.insns, here.insn_idx)
        else:
            known = self.known_after(here, dst)
            if known is None:
                raise UnsupportedError("the address of a kernel symbol")
            state.regs[dst] = state.pointer(known, "kernel symbol")

    def _packet_load(self, insn: Insn) -> None:
        """Legacy packet access. Past the end of the packet it ends the program, so on this path the bytes exist."""
        state = self.state
        size = o.SIZE_BYTES[insn.code & 0x18]
        off: Number = insn.imm & U64
        if insn.code & 0xE0 == o.IND:
            index = arithmetic(o.ALU64 | o.MOV | o.X, 32, 0, self.number(insn.src_reg), 0)
            off = arithmetic(o.ALU64 | o.MOV | o.X, 32, 0, add(off, index), 0)
        if state.packet is None:
            raise UnsupportedError("a packet load in a program without a packet")
        at = add(state.start, off)
        if isinstance(off, int) and off >> 63:
            state.regs[0] = widened(state.fresh("packet header", 8 * size))
            state.partial = state.partial or "a load relative to the packet's headers is not followed"
        else:
            low = z3.SignExt(2, bits(off))
            state.require(low >= 0)
            state.require(decided(low + size <= z3.SignExt(2, bits(state.end) - bits(state.start))))
            value = state.packet.load(at, size)
            state.regs[0] = arithmetic(o.ALU | o.END | o.TO_BE, 0, number_of(value), 0, 8 * size) if size > 1 else value
        for regno in range(1, 6):
            state.regs[regno] = None

    def _ldx(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        state = self.state
        size = o.SIZE_BYTES[insn.code & 0x18]
        base = self.value(insn.src_reg)
        known = self.known_after(here, insn.dst_reg)
        value = self._loaded(base, insn, size, here, known)
        if insn.code & 0xE0 == o.MEMSX:
            value = arithmetic(o.ALU64 | o.MOV | o.X, 8 * size, 0, number_of(value), 0) if size < 8 else value
        state.regs[insn.dst_reg] = value

    def _loaded(self, base: Value, insn: Insn, size: int, here: PathStep, known: Known | None) -> Value:
        points = known is not None and known.type != SCALAR
        if not isinstance(base, Pointer):
            return self._free_load(insn, size, here, known)
        off = add(base.off, insn.off & U64)
        obj = base.obj
        if obj.kind == "ctx":
            if points and known is not None:
                return self._from_context(known, here)
            return self._ctx_number(off, size)
        if obj.kind in ("kernel", "map", "function"):
            return self._free_load(insn, size, here, known)
        found = obj.load(off, size)
        if points and known is not None and not isinstance(found, Pointer):
            if obj.kind == "stack":
                raise UnsupportedError("a pointer was filled from a part of the stack that is not followed")
            return self._free_load(insn, size, here, known)
        if obj.kind == "value" and not isinstance(found, Pointer) and self._is_shared(obj):
            self.shared += 1
            if self.racing:
                value = widened(self.state.fresh("loaded", 8 * size))
                self.state.preferences.append(bits(value) == bits(found))
                self.state.loads.append(Load(here.insn_idx, value))
                return value
        return found

    @staticmethod
    def _is_shared(obj: Object) -> bool:
        """Whether other programs may write this map value concurrently."""
        return obj.writable and obj.details["map"].details["spec"].map_type not in PER_CPU

    def _from_context(self, known: Known, here: PathStep) -> Value:
        base = known.type & t.BPF_BASE_TYPE_MASK
        found = self.state.pointer(known, "pointer in the context")
        if base in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_END, t.PTR_TO_PACKET_META) and self.state.packet is not None:
            return found
        self.state.loads.append(Load(here.insn_idx, found, found.obj))
        return found

    def _ctx_number(self, off: Number, size: int) -> Value:
        state = self.state
        if off == SKB_LEN and is_skb(self.request.kind) and size == 4:
            return settled(bits(state.end) - bits(state.start))
        if isinstance(off, int):
            state.ctx.details.setdefault("reads", set()).add((off, size))
        return state.ctx.load(off, size)

    def _free_load(self, insn: Insn, size: int, here: PathStep, known: Known | None) -> Value:
        """A load from kernel memory, which is not modelled: the result is unknown."""
        state = self.state
        if known is not None and known.type != SCALAR:
            found: Value = state.pointer(known, "loaded pointer")
            state.loads.append(Load(here.insn_idx, found, found.obj if isinstance(found, Pointer) else None))
            return found
        value = widened(state.fresh("loaded", 8 * size))
        state.loads.append(Load(here.insn_idx, value))
        return value

    def _store(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        size = o.SIZE_BYTES[insn.code & 0x18]
        base = self.value(insn.dst_reg)
        if not isinstance(base, Pointer):
            raise UnsupportedError("a store through a number")
        off = add(base.off, insn.off & U64)
        if insn.code & 7 == o.STX and insn.code & 0xE0 == o.ATOMIC:
            self._atomic(insn, base, off, size)
            return
        value: Value = self.value(insn.src_reg) if insn.code & 7 == o.STX else insn.imm & U64
        base.obj.store(off, size, value if size == 8 else number_of(value))
        self.state.wrote_element(base.obj)

    def _atomic(self, insn: Insn, base: Pointer, off: Number, size: int) -> None:
        state = self.state
        old = number_of(base.obj.load(off, size))
        wide = o.ALU64 if size == 8 else o.ALU
        source = arithmetic(wide | o.MOV | o.X, 0, 0, self.number(insn.src_reg), 0)
        operation = insn.imm & ~o.FETCH
        if insn.imm == o.CMPXCHG:
            same = comparison(o.JEQ, old, arithmetic(wide | o.MOV | o.X, 0, 0, self.number(0), 0), 64)
            base.obj.store(off, size, choose(same, source, old))
            state.regs[0] = old
        elif insn.imm == o.XCHG:
            base.obj.store(off, size, source)
            state.regs[insn.src_reg] = old
        else:
            base.obj.store(off, size, arithmetic(wide | o.X | operation, 0, old, source, 0))
            if insn.imm & o.FETCH:
                state.regs[insn.src_reg] = old
        state.wrote_element(base.obj)

    # -- jumps, calls, exits ---------------------------------------------------------------------------

    def _jmp(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        operation = insn.code & 0xF0
        if operation == o.JA or insn.code == o.JMP | o.JCOND:
            return
        if insn.code == o.JMP | o.CALL:
            self._call(insn, here, following)
            return
        if insn.code == o.JMP | o.EXIT:
            self._exit(here)
            return
        if insn.off == 0:
            return
        taken = self.taken(insn)
        goes = following.insn_idx == here.insn_idx + 1 + insn.off
        self.state.require(taken if goes else (not taken if isinstance(taken, bool) else z3.Not(taken)))

    def taken(self, insn: Insn) -> Condition:
        """The condition under which a conditional jump is taken."""
        operation, wide = insn.code & 0xF0, insn.code & 7 == o.JMP
        a = self.value(insn.dst_reg)
        b: Value = self.value(insn.src_reg) if insn.code & 8 else insn.imm & U64
        if wide and isinstance(a, Pointer) and b == 0 and operation in _NEGATED:
            return (
                a.null if operation == o.JEQ else (not a.null if isinstance(a.null, bool) else decided(z3.Not(a.null)))
            )
        if wide and isinstance(a, Pointer) and isinstance(b, Pointer) and a.obj is b.obj:
            return comparison(operation, a.off, b.off, 64)
        return comparison(operation, number_of(a), number_of(b), 64 if wide else 32)

    def _call(self, insn: Insn, here: PathStep, following: PathStep) -> None:
        state = self.state
        target = here.insn_idx + 1 + insn.imm
        if insn.src_reg == o.PSEUDO_CALL and following.insn_idx == target and following.depth > here.depth:
            self.enter(here.insn_idx + 1, state.regs[1:6], "")
            return
        calls.call(self, insn, here, following)

    def enter(self, back: int, arguments: list[Value | None], callback: str) -> None:
        """Enters a function or callback."""
        state = self.state
        state.frames.append(Frame(state.regs[:], back, len(state.frames), callback))
        stack = state.new_stack(len(state.frames))
        state.regs = [None, *arguments, *[None] * (5 - len(arguments)), None, None, None, None, Pointer(stack, 0), None]

    def _exit(self, here: PathStep) -> None:
        state = self.state
        if not state.frames:
            raise UnsupportedError("the path goes on behind the program's end")
        result = state.regs[0]
        frame = state.frames.pop()
        regs = frame.saved[:]
        if frame.callback:
            # The walk visits the call instruction again with the same arguments and continues after it.
            state.regs = regs
            widen(self, here)
            return
        regs[0] = result
        regs[1:6] = [None] * 5
        state.regs = regs


_CLASSES: Final[dict[int, Any]] = {
    o.LD: Execution._ld,
    o.LDX: Execution._ldx,
    o.ST: Execution._store,
    o.STX: Execution._store,
    o.ALU: Execution._alu,
    o.ALU64: Execution._alu,
    o.JMP: Execution._jmp,
    o.JMP32: Execution._jmp,
}

__all__ = ["Execution", "boolean"]
