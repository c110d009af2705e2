"""The reference interpreter's engine, written to be easy to check against RFC 9669, not to be fast.

It runs a Program as it was loaded (ctx as in UAPI, helpers by number, every access checked against
the regions of memory), or a Rewritten one as the kernel would (kernel structures, instructions the
fixups put in). The machine must agree with it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final

from vm.bits import U64
from vm.errors import NotEmulated
from vm.isa import opcodes as o
from vm.isa.insn import Insn, imm64
from vm.kernel.symbols import symbol_name
from vm.program import Program
from vm.rewritten import AddressRef
from vm.runner.alu import ATOMICS, JUMPS, alu, signed
from vm.runner.execution import PROGRAM, Fault, MemoryWrite, RunStep
from vm.runner.helpers import Call, call_helper, find_helper, helper_name
from vm.runner.helpers.net import load_absolute, skb
from vm.runner.inputs import MemoryInput, RunLimits
from vm.runner.maps import Map, ProgArray
from vm.runner.memory import CODE_BASE, AccessError
from vm.runner.world import STACK_SIZE, World

MAX_FRAMES: Final = 8
MAX_TAIL_CALLS: Final = 33
FRAME_SIZE: Final = 512
FRAME_STRIDE: Final = 1024
CODE_STRIDE: Final = 1 << 24
MAY_GOTO_LIMIT: Final = 8 << 20
TAIL_CALL: Final = 0xF0
ADDR_SPACE_CAST: Final = 1
NOSPEC: Final = o.ST | 0xC0  # the barrier against speculation that rewriting puts behind stores
ADDR_PERCPU: Final = -1
MAP_KINDS: Final = (o.PSEUDO_MAP_FD, o.PSEUDO_MAP_IDX)
VALUE_KINDS: Final = (o.PSEUDO_MAP_VALUE, o.PSEUDO_MAP_IDX_VALUE)


@dataclass(frozen=True, slots=True)
class Code:
    """Instructions of one program. `plain`: as it was loaded, not rewritten (its ctx is the UAPI one)."""

    program: Program
    number: int
    insns: tuple[Insn, ...]
    orig_idx: tuple[int, ...]
    refs: Mapping[int, AddressRef]
    plain: bool
    func_starts: tuple[int, ...] = ()

    @property
    def base(self) -> int:
        """Address of the code, for function addresses and bpf_prog.bpf_func."""
        return CODE_BASE + (self.number + 1) * CODE_STRIDE


@dataclass(slots=True)
class Frame:
    """A call: its return address, the caller's r6-r9, and the helper that made it, if any."""

    code: Code
    back: int
    saved: tuple[int, ...]
    fp: int
    helper: Generator[Call, int, int] | None = None


class RunStopError(Exception):
    """The run ends here with a fault."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Interpreter:
    """One run. `regs` are r0-r10 and AX, unsigned."""

    def __init__(self, codes: list[Code], world: World, limits: RunLimits, steps: int) -> None:
        self.codes = codes
        self.code = codes[0]
        self.world = world
        self.memory = world.memory
        self.limits = limits
        self.record = steps > 0
        self.most_steps = steps
        self.regs = [0] * 12
        self.maps = [world.maps_of(code.program) for code in codes]
        self.memory.trusting = not codes[0].plain
        self.regs[1] = world.use_uapi() if codes[0].plain else world.context.address
        if isinstance(world.input, MemoryInput):
            self.regs[2] = len(world.input.data)
        self.pc = 0
        self.frames: list[Frame] = []
        self.tail_calls = 0
        self.may_gotos: dict[tuple[int, int], int] = {}
        self.steps: list[RunStep] = []
        self.writes: list[MemoryWrite] = []
        self.deadline = time.monotonic() + limits.seconds
        self._fp(0)

    def _fp(self, depth: int) -> int:
        """Frame pointer of a frame. There are gaps between frames, so that an access outside of one is detected."""
        top = self.world.stack.base + STACK_SIZE - 256 - depth * FRAME_STRIDE
        if self.memory.area_at(top - FRAME_SIZE) is None:
            name = "stack" if depth == 0 else f"stack of frame {depth}"
            self.world.region(name, top - FRAME_SIZE, FRAME_SIZE, one="the stack")
        self.regs[o.R10] = top
        return top

    # -- the loop -----------------------------------------------------------------------------------

    def run(self) -> Fault | None:
        """Run until the program ends; the fault that stopped it, if any, whose instruction is the last step."""
        at = -1
        try:
            while True:
                self._tick()
                at = self.pc
                if not self._one():
                    return None
        except RunStopError as stop:
            kind, message = stop.kind, stop.message
        except AccessError as error:
            kind, message = "memory", error.message
        except NotEmulated as error:
            kind, message = "helper", error.message
        if kind not in ("insns", "time") and self.pc == at and self.record:
            self._note(self.code, at, len(self.frames), len(self.world.events))
        return Fault(kind, message, self._orig(self.pc), max(len(self.steps) - 1, 0))

    def _orig(self, pc: int) -> int:
        orig = self.code.orig_idx
        return orig[pc] if 0 <= pc < len(orig) else pc

    def _starts_step(self, pc: int) -> bool:
        """Whether the slot is the first of those that replaced an original instruction."""
        orig = self.code.orig_idx
        return pc == 0 or orig[pc] != orig[pc - 1]

    def _tick(self) -> None:
        world = self.world
        if not 0 <= self.pc < len(self.code.insns):
            raise RunStopError("memory", f"the program runs past its last instruction (to slot {self.pc})")
        if not self._starts_step(self.pc):
            return
        if world.insns >= self.limits.insns:
            raise RunStopError("insns", f"the run was stopped after {self.limits.insns:,} instructions")
        if world.insns & 0x3FF == 0 and time.monotonic() > self.deadline:
            raise RunStopError("time", f"the run was stopped after {self.limits.seconds:g} seconds")
        world.insns += 1
        world.step = len(self.steps)

    def _one(self) -> bool:
        """Execute one slot; False when the program has ended."""
        at, code, depth = self.pc, self.code, len(self.frames)
        events = len(self.world.events)
        self.writes = []
        insn = code.insns[at]
        if insn.dst_reg > o.REG_AX or insn.src_reg > o.REG_AX:
            raise RunStopError("memory", f"there is no register r{max(insn.dst_reg, insn.src_reg)}")
        going = _CLASSES[insn.code & 7](self, insn)
        if self.record:
            self._note(code, at, depth, events)
        return going

    def _note(self, code: Code, at: int, depth: int, events: int) -> None:
        """Record a step: all slots of one original instruction are one step."""
        orig = code.orig_idx[at]
        first = at == 0 or code.orig_idx[at - 1] != orig
        said = events if len(self.world.events) > events else -1
        step = RunStep(orig + PROGRAM * code.number, -1, tuple(self.regs[:11]), (), tuple(self.writes), said, depth)
        if first:
            if len(self.steps) >= self.most_steps:
                self.record = False
                return
            self.steps.append(step)
        elif self.steps:
            last = self.steps[-1]
            # After a callback's last step this is part of that step, as on the machine.
            self.steps[-1] = last._replace(
                regs=step.regs, writes=last.writes + step.writes, event=last.event if said < 0 else said
            )

    # -- arithmetic -----------------------------------------------------------------------------------

    def _alu(self, insn: Insn) -> bool:
        regs = self.regs
        wide_move = insn.code == o.ALU64 | o.MOV | o.X
        if wide_move and insn.off == ADDR_PERCPU:
            regs[insn.dst_reg] = (regs[insn.src_reg] + self.world.percpu.base) & U64
        elif wide_move and insn.off == ADDR_SPACE_CAST and insn.imm:
            raise NotEmulated("arenas", kind="map", name="arena")
        else:
            source = regs[insn.src_reg] if insn.code & 8 else insn.imm & U64
            try:
                regs[insn.dst_reg] = alu(insn.code, insn.off, regs[insn.dst_reg], source, insn.imm)
            except KeyError:
                self._reserved(insn)
        self.pc += 1
        return True

    def _reserved(self, insn: Insn) -> None:
        raise RunStopError("memory", f"opcode {insn.code:#04x} is reserved")

    # -- loads and stores -------------------------------------------------------------------------------

    def _ld(self, insn: Insn) -> bool:
        mode = insn.code & 0xE0
        if insn.code == o.LD_IMM64:
            self.regs[insn.dst_reg] = self._immediate(insn)
            self.pc += 2
            return True
        if mode in (o.ABS, o.IND) and insn.code & 0x18 != o.DW:
            return self._load_absolute(insn, mode)
        self._reserved(insn)
        return True

    def _immediate(self, insn: Insn) -> int:
        """A number, or the address of a map, a map's value, or a function."""
        if self.pc + 1 >= len(self.code.insns):
            raise RunStopError("memory", "the second half of a 64-bit load is missing")
        ref = self.code.refs.get(self.pc)
        value = imm64(self.code.insns, self.pc)
        if ref is not None:
            return (self._address(ref) + ref.addend) & U64
        world = self.world
        kind = insn.src_reg
        if kind == 0 or not self.code.plain:
            return value
        if kind in MAP_KINDS:
            return self._map(insn.imm).address
        if kind in VALUE_KINDS:
            return self._map_value(insn.imm) + (self.code.insns[self.pc + 1].imm & 0xFFFFFFFF)
        if kind == o.PSEUDO_FUNC:
            return self.code.base + 8 * (self.pc + 1 + insn.imm)
        if kind == o.PSEUDO_BTF_ID:
            name = symbol_name(insn.imm)
            if name is None:
                raise RunStopError("memory", f"BTF id {insn.imm} is no variable or function of the kernel")
            return world.kernel_symbol(name)
        raise RunStopError("memory", f"64-bit load of unknown kind {kind}")

    def _map(self, index: int) -> Map:
        maps = self.maps[self.code.number]
        if not 0 <= index < len(maps):
            raise RunStopError("memory", f"the program has no map number {index}")
        return maps[index]

    def _map_value(self, index: int) -> int:
        """Address of the map's first value; it must exist."""
        return self._map(index).lookup(bytes(4))

    def _function(self, number: int, slot: int) -> int:
        """First slot of a function; a Rewritten refers to it by number, a Program by slot."""
        starts = self.code.func_starts
        if not starts:
            return slot
        if not 0 <= number < len(starts):
            raise RunStopError("memory", f"the program has no function number {number}")
        return starts[number]

    def _address(self, ref: AddressRef) -> int:
        if ref.kind == "map":
            return self._map(int(ref.name)).address
        if ref.kind == "map_value":
            return self._map_value(int(ref.name))
        if ref.kind == "func":
            return self.code.base + 8 * self._function(int(ref.name), int(ref.name))
        if ref.kind in ("ksym", "kernel"):
            return self.world.kernel_symbol(ref.name)
        raise NotEmulated(f"{ref.kind} {ref.name}", kind="symbol", name=ref.name)

    def _load_absolute(self, insn: Insn, mode: int) -> bool:
        """Legacy packet access; a load past the end ends the program with 0 (RFC 9669 section 5.6)."""
        packet = skb(self.world, self.regs[6])
        offset = insn.imm + (signed(self.regs[insn.src_reg], 32) if mode == o.IND else 0)
        value = load_absolute(packet, signed(offset, 32), o.SIZE_BYTES[insn.code & 0x18])
        if value is None:
            self.regs[0] = 0
            return self._leave()
        self.regs[0] = value
        self.pc += 1
        return True

    def _ldx(self, insn: Insn) -> bool:
        mode = insn.code & 0xE0
        size = o.SIZE_BYTES[insn.code & 0x18]
        address = (self.regs[insn.src_reg] + insn.off) & U64
        if mode == o.MEM:
            value = self.memory.load(address, size)
        elif mode == o.MEMSX:
            value = signed(self.memory.load(address, size), 8 * size)
        elif mode in (o.PROBE_MEM, o.PROBE_MEMSX):
            value = self._probe(address, size)
            if mode == o.PROBE_MEMSX:
                value = signed(value, 8 * size)
        else:
            if mode == o.PROBE_MEM32:
                raise NotEmulated("arenas", kind="map", name="arena")
            self._reserved(insn)
            return True
        self.regs[insn.dst_reg] = value & U64
        self.pc += 1
        return True

    def _probe(self, address: int, size: int) -> int:
        """A load whose fault is handled: the result is 0 (for user addresses always)."""
        if address >> 63 == 0 or self.memory.arena_at(address, size) is None:
            return 0
        return self.memory.get(address, size)

    def _put(self, address: int, size: int, value: int) -> None:
        value &= (1 << 8 * size) - 1
        self.memory.store(address, size, value)
        if self.record:
            self.writes.append(MemoryWrite(address, value.to_bytes(size, "little"), self._name(address)))

    def _name(self, address: int) -> str:
        fp = self.regs[o.R10]
        if fp - FRAME_SIZE <= address < fp:
            return f"fp-{fp - address}"
        for depth, frame in enumerate(self.frames):
            if frame.fp - FRAME_SIZE <= address < frame.fp:
                return f"{depth}:fp-{frame.fp - address}"
        return self.memory.name_of(address)

    def _st(self, insn: Insn) -> bool:
        if insn.code == NOSPEC and not self.code.plain:
            pass  # nothing is run speculatively here
        elif insn.code & 0xE0 != o.MEM:
            self._reserved(insn)
        else:
            address = (self.regs[insn.dst_reg] + insn.off) & U64
            self._put(address, o.SIZE_BYTES[insn.code & 0x18], insn.imm)
        self.pc += 1
        return True

    def _stx(self, insn: Insn) -> bool:
        mode = insn.code & 0xE0
        size = o.SIZE_BYTES[insn.code & 0x18]
        address = (self.regs[insn.dst_reg] + insn.off) & U64
        if mode == o.MEM:
            self._put(address, size, self.regs[insn.src_reg])
        elif mode == o.ATOMIC and size >= 4:
            self._atomic(insn, address, size)
        else:
            self._reserved(insn)
        self.pc += 1
        return True

    def _atomic(self, insn: Insn, address: int, size: int) -> None:
        """RFC 9669 section 5.3; fetched values are zero-extended."""
        regs = self.regs
        mask = (1 << 8 * size) - 1
        old = self.memory.load(address, size)
        source = regs[insn.src_reg] & mask
        if insn.imm == o.CMPXCHG:
            self._put(address, size, source if old == regs[0] & mask else old)
            regs[0] = old
        elif insn.imm == o.XCHG:
            self._put(address, size, source)
            regs[insn.src_reg] = old
        elif insn.imm & ~o.FETCH in ATOMICS:
            self._put(address, size, ATOMICS[insn.imm & ~o.FETCH](old, source))
            if insn.imm & o.FETCH:
                regs[insn.src_reg] = old
        else:
            raise RunStopError("memory", f"atomic operation {insn.imm:#x} is reserved")

    # -- jumps, calls, exits ---------------------------------------------------------------------------

    def _jmp(self, insn: Insn) -> bool:
        operation = insn.code & 0xF0
        wide = insn.code & 7 == o.JMP
        if operation == o.CALL and wide:
            return self._call(insn)
        if operation == o.EXIT and wide:
            return self._leave()
        if insn.code == o.JMP | TAIL_CALL and self._is_rewritten_call(self.pc):
            return self._tail_call()
        self.pc += 1
        if operation == o.JA:
            self.pc += insn.off if wide else insn.imm
            return True
        if operation == o.JCOND and wide:
            if self._may_goto():
                self.pc += insn.off
            return True
        taken = JUMPS.get(operation)
        if taken is None:
            self.pc -= 1
            self._reserved(insn)
            return True
        bits = 64 if wide else 32
        mask = (1 << bits) - 1
        source = self.regs[insn.src_reg] if insn.code & 8 else insn.imm
        if taken(self.regs[insn.dst_reg] & mask, source & mask, bits):
            self.pc += insn.off
        return True

    def _is_rewritten_call(self, pc: int) -> bool:
        """Whether a slot stems from a call; the opcode of a rewritten tail call is reserved in programs as loaded."""
        return not self.code.plain or self.code.program.insns[self._orig(pc)].code == o.JMP | o.CALL

    def _may_goto(self) -> bool:
        """Jumps after 8 Mi iterations of loops in this frame."""
        key = (len(self.frames), 0)
        count = self.may_gotos.get(key, 0) + 1
        self.may_gotos[key] = count
        return count > MAY_GOTO_LIMIT

    def _call(self, insn: Insn) -> bool:
        ref = self.code.refs.get(self.pc)
        if insn.src_reg == o.PSEUDO_CALL:
            self._enter(self.code, self._function(insn.imm, self.pc + 1 + insn.imm), None)
            return True
        if ref is not None:
            name = helper_name(int(ref.name)) if ref.name.isdigit() else ref.name
        elif insn.src_reg == o.PSEUDO_KFUNC_CALL:
            raise NotEmulated(f"the kernel function with BTF id {insn.imm}", kind="kfunc", name=str(insn.imm))
        elif insn.src_reg:
            self._reserved(insn)
            return True
        else:
            name = helper_name(insn.imm)
        if name.removeprefix("bpf_") == "tail_call":
            return self._tail_call()
        args = (self.regs[1], self.regs[2], self.regs[3], self.regs[4], self.regs[5])
        result = call_helper(find_helper(name), self.world, args)
        if isinstance(result, int):
            self.regs[0] = result
            self.pc += 1
            return True
        return self._resume(result, None, self.pc + 1)

    def _resume(self, helper: Generator[Call, int, int], answer: int | None, back: int) -> bool:
        """Continue a helper that calls the program back, until it requests a call or has finished."""
        try:
            wanted = helper.send(answer) if answer is not None else next(helper)
        except StopIteration as done:
            self.regs[0] = done.value & U64
            self.pc = back
            return True
        code, slot = self._function_at(wanted.address)
        self._enter(code, slot, helper, back)
        self.regs[1:6] = wanted.args
        return True

    def _function_at(self, address: int) -> tuple[Code, int]:
        number = (address - CODE_BASE) // CODE_STRIDE - 1
        if 0 <= number < len(self.codes):
            slot = (address - self.codes[number].base) // 8
            if 0 <= slot < len(self.codes[number].insns):
                return self.codes[number], slot
        raise AccessError(f"a helper was given {address:#x} as a function, and no code is there", address)

    def _enter(self, code: Code, slot: int, helper: Generator[Call, int, int] | None, back: int | None = None) -> None:
        # The program that a tail call starts has eight frames of its own.
        if len(self.frames) + 1 >= MAX_FRAMES * (1 + self.tail_calls):
            raise RunStopError("memory", f"calls are nested deeper than {MAX_FRAMES} frames")
        regs = self.regs
        self.frames.append(
            Frame(self.code, self.pc + 1 if back is None else back, tuple(regs[6:10]), regs[o.R10], helper)
        )
        self.may_gotos.pop((len(self.frames), 0), None)
        self.code, self.pc = code, slot
        self._fp(len(self.frames))

    def _leave(self) -> bool:
        if not self.frames:
            return False
        frame = self.frames.pop()
        self.regs[6:10] = frame.saved
        self.regs[o.R10] = frame.fp
        self.code, self.pc = frame.code, frame.back
        if frame.helper is not None:
            return self._resume(frame.helper, self.regs[0], frame.back)
        return True

    def _tail_call(self) -> bool:
        """bpf_tail_call(ctx, prog_array, index): on success it does not return."""
        world = self.world
        array = world.map_at(self.regs[2])
        if not isinstance(array, ProgArray):
            raise AccessError(f"{array.name} is no program array", self.regs[2])
        index = self.regs[3] & 0xFFFFFFFF
        here = self.pc
        self.pc += 1
        if index >= array.spec.max_entries or self.tail_calls >= MAX_TAIL_CALLS:
            return True
        prog = self.memory.u64(array.values + 8 * index)
        if not prog:
            return True
        name = world.progs[prog]
        target = next((code for code in self.codes if code.program.name == name), None)
        if target is None:
            self.pc = here
            raise NotEmulated(f"tail call to {name}, which is not loaded", kind="tail call", name=name)
        self.tail_calls += 1
        world.say("tail_call", f"to {name}")
        self.code, self.pc = target, 0
        return True


_CLASSES: Final = {
    o.LD: Interpreter._ld,
    o.LDX: Interpreter._ldx,
    o.ST: Interpreter._st,
    o.STX: Interpreter._stx,
    o.ALU: Interpreter._alu,
    o.ALU64: Interpreter._alu,
    o.JMP: Interpreter._jmp,
    o.JMP32: Interpreter._jmp,
}
