"""Is what runs what was proven? Holds the values of a run against the states of the walk it follows.

How a run is followed is in vm/trace/follow.py. While a position is loose only what pruning relies on is asked:
registers and slots that are read later, numbers marked precise, pointers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vm.bits import U64
from vm.isa.insn import Insn
from vm.program import Program
from vm.runner.engine import Interpreter
from vm.runner.packet import XdpPacket
from vm.trace.follow import EXIT, Arrival, Position, WalkPaths, may_be_null, outside
from vm.trace.recorder import Recorder
from vm.verifier.domain.scalar import coerce_to_size
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.pipeline.bpf_check import Walk

KEPT: Final = range(6, 10)  # registers a call keeps for its caller


class _Kept(dict[int, Any]):
    """Checkpoints by instruction, remembered when the walk of a function forgets them."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Any] = []

    def clear(self) -> None:
        for chain in self.values():
            self.all += [entry.state for entry in chain]
        super().clear()


class Proof(NamedTuple):
    """What the verifier said of an accepted program: its trace, and checkpoints by the step they were made before."""

    program: Program
    trace: Recorder
    checkpoints: dict[int, list[Any]]
    global_starts: frozenset[int]
    walk: Walk


def prove(walk: Walk, most: int = 1_000_000) -> Proof | None:
    """Runs a walk to its end; None where the program is not accepted, or not within `most` instructions."""
    kept = _Kept()
    walk.env.explored_states = kept
    for _ in walk.advance():
        if walk.env.insn_processed > most:
            return None
    said = walk.result()
    if said.verdict != "accept" or walk.recorder is None:
        return None
    by_step: dict[int, list[Any]] = defaultdict(list)
    for state in kept.all:
        by_step[state.step].append(state)
    starts = frozenset(sub.start for sub in walk.env.subprogs[1:] if sub.is_global)
    return Proof(walk.env.program, walk.recorder, by_step, starts, walk)


class Concrete(NamedTuple):
    """One frame of the run: registers that mean something there (the others are None) and its frame pointer."""

    regs: Sequence[int | None]
    fp: int


class Unsound(Exception):
    """A value of the run is in no state the verifier has for it."""


class Follower:
    """Follows one run. `held` counts values found inside, `steps` instructions followed, `loose` those only loosely."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.trace = proof.trace
        self.paths = WalkPaths(proof.trace, proof.program.insns, proof.global_starts)
        self.at: list[Position] = []
        self.before: Insn | None = None
        self.bodies: list[tuple[int, list[Position]]] = []  # depth of a global function, positions at its call
        self.ctx = 0
        self.held = self.steps = self.loose = 0
        self.ended = False

    # -- following -----------------------------------------------------------------------------------

    def arrive(self, engine: Interpreter) -> None:
        """The run is about to execute engine.pc; Unsound if the verifier has no state for that."""
        if self.ended:
            return
        idx, depth = engine.pc, len(engine.frames)
        if engine.code.number or engine.tail_calls:
            self.ended = True  # a tail call went to another program
            return
        insn = self.proof.program.insns[idx]
        found: list[Arrival]
        if self.before is None:
            self.ctx = engine.regs[1]
            found = [self.paths.start()]
        elif self.paths.enters_alone(self.before, idx):
            self.bodies.append((depth, self.at))
            found = [self.paths.enter(idx)]
        else:
            if self.bodies and depth < self.bodies[-1][0]:
                self.at = self.bodies.pop()[1]
            found = list(self.paths.next(self.at, idx, self.before.code == EXIT))
        base = self.bodies[-1][0] if self.bodies else 0
        frames = concrete_frames(engine)[base:]
        self.at = self._holding(found, frames, engine, idx)
        self.before = insn
        self.steps += 1
        self.loose += all(p.loose for p in self.at)

    def _holding(
        self,
        found: list[Arrival],
        frames: list[Concrete],
        engine: Interpreter,
        idx: int,
    ) -> list[Position]:
        """Those of `found` whose states hold the run's values."""
        kept: dict[int, bool] = {}
        said: list[str] = []
        for position, arrived, _, _ in found:
            why = Comparison(self, engine, frames, arrived).run()
            if why and not position.loose:
                said.append(why)
                continue
            own = self.trace.raw_before(position.step)
            loose = bool(why if own is arrived else Comparison(self, engine, frames, own).run())
            for checkpoint in self.proof.checkpoints.get(position.step, ()):
                if checkpoint.insn_idx == idx and (why := Comparison(self, engine, frames, checkpoint.frame).relied()):
                    said.append("behind a checkpoint, " + why)
                    break
            else:
                kept[position.step] = kept.get(position.step, True) and loose
        if not kept:
            insn = self.proof.program.insns[idx]
            raise Unsound(f"instruction {idx} {insn}: {said[0] if said else 'the verifier never came here from there'}")
        return [Position(step, loose) for step, loose in kept.items()]


def concrete_frames(engine: Interpreter) -> list[Concrete]:
    """The run's frames, outermost first. Of a caller only r6-r9 mean something: the others were used up by the call."""
    frames = []
    for frame in engine.frames:
        regs: list[int | None] = [None] * 11
        regs[6:10] = frame.saved
        frames.append(Concrete(regs, frame.fp))
    frames.append(Concrete(engine.regs[:11], engine.regs[10]))
    return frames


class Comparison:
    """The values of a run beside the frames of one state."""

    def __init__(self, follower: Follower, engine: Interpreter, frames: list[Concrete], state: Sequence[Any]) -> None:
        self.follower = follower
        self.engine = engine
        self.frames = frames
        self.state = state
        self.linked: dict[int, tuple[int, str]] = {}  # id of linked numbers -> the number, whose

    def run(self) -> str:
        """What is not inside, or nothing."""
        if len(self.state) != len(self.frames):
            return f"the verifier has {len(self.state)} frames here, the run {len(self.frames)}"
        for number, (have, said) in enumerate(zip(self.frames, self.state, strict=True)):
            for regno, reg in enumerate(said.regs):
                value = have.regs[regno] if regno < 10 else have.fp
                if value is not None and (why := self._one(reg, value) or self._link(reg, value, f"r{regno}")):
                    return f"r{regno} of frame {number} = {value:#x} {why}"
            for spi, slot in enumerate(said.stack):
                if why := self._slot(slot, have.fp - 8 * (spi + 1)):
                    return f"fp-{8 * (spi + 1)} of frame {number}: {why}"
        return ""

    def relied(self) -> str:
        """The same of what pruning compares: what is read later, and of numbers those marked precise."""
        if len(self.state) != len(self.frames):
            return "another number of frames"
        for number, (have, said) in enumerate(zip(self.frames, self.state, strict=True)):
            marks = said.live.marks
            for regno, reg in enumerate(said.regs[:10]):
                value = have.regs[regno]
                if value is None or not marks[regno] & t.REG_LIVE_READ:
                    continue
                if (reg.type != t.SCALAR_VALUE or reg.precise) and (why := self._one(reg, value)):
                    return f"r{regno} of frame {number} = {value:#x} {why}"
            for spi, slot in enumerate(said.stack):
                if not marks[11 + spi] & t.REG_LIVE_READ:
                    continue
                number_there = slot.slot_type[7] == t.STACK_SPILL and slot.spilled_ptr.type == t.SCALAR_VALUE
                if number_there and not slot.spilled_ptr.precise:
                    continue
                if why := self._slot(slot, have.fp - 8 * (spi + 1), False):
                    return f"fp-{8 * (spi + 1)} of frame {number}: {why}"
        return ""

    def _link(self, reg: RegState, value: int, name: str) -> str:
        """Numbers with one id are equal, or at a constant distance."""
        if reg.type != t.SCALAR_VALUE or not reg.id:
            return ""
        origin = (value - reg.off if reg.id & t.BPF_ADD_CONST else value) & U64
        known = self.linked.setdefault(reg.id & ~t.BPF_ADD_CONST, (origin, name))
        return "" if known[0] == origin else f"was taken for linked with {known[1]}"

    def _slot(self, slot: StackSlot, address: int, linking: bool = True) -> str:
        """Eight bytes of stack. slot_type[7] is about the byte at the lowest address."""
        memory = self.engine.memory
        if slot.slot_type[7] == t.STACK_SPILL:
            size = sum(kind == t.STACK_SPILL for kind in slot.slot_type)
            value = memory.get(address, 8) & (1 << 8 * size) - 1
            reg = slot.spilled_ptr
            if size < 8:
                why = outside(coerce_to_size(reg.scalar, size), value) if reg.type == t.SCALAR_VALUE else ""
                return f"{value:#x} is outside the low {size} bytes of {reg.scalar} ({why})" if why else ""
            why = self._one(reg, value) or (self._link(reg, value, f"{address:#x}") if linking else "")
            return f"{value:#x} {why}" if why else ""
        for i, kind in enumerate(slot.slot_type):
            if kind == t.STACK_ZERO and (byte := memory.get(address + 7 - i, 1)):
                return f"byte {7 - i} is {byte} and was taken for zero"
        return ""

    def _one(self, reg: RegState, value: int) -> str:
        base = reg.type & t.BPF_BASE_TYPE_MASK
        if base == t.NOT_INIT:
            return ""
        self.follower.held += 1
        if base == t.SCALAR_VALUE:
            why = outside(reg.scalar, value)
            return f"is outside {reg.scalar} ({why})" if why else ""
        if value == 0:
            if may_be_null(reg.type):
                return ""
            return f"is null, and was taken for a pointer of type {base}"
        return self._pointer(reg, base, value)

    def _pointer(self, reg: RegState, base: int, value: int) -> str:
        world = self.engine.world
        if base == t.PTR_TO_STACK:
            if reg.frameno >= len(self.frames):
                return ""
            return self._from(reg, value, self.frames[reg.frameno].fp, "the stack")
        if base == t.PTR_TO_CTX:
            return self._from(reg, value, self.follower.ctx, "ctx")
        if base == t.CONST_PTR_TO_MAP:
            known = self.engine.maps[0][reg.map_ptr].address if reg.map_ptr >= 0 and not reg.inner_map else value
            return "" if value == known else f"is not the map at {known:#x}"
        packet = world.packet
        if packet is not None and base == t.PTR_TO_PACKET_END:
            return "" if value == packet.data_end else f"is not the end of the packet, {packet.data_end:#x}"
        if base == t.PTR_TO_PACKET_META and isinstance(packet, XdpPacket):
            return self._from(reg, value, packet.data_meta, "the packet's metadata")
        if packet is not None and base == t.PTR_TO_PACKET:
            if reg.range > 0 and value - reg.off + reg.range > packet.data_end:
                return f"was said to have {reg.range} bytes, and the packet ends at {packet.data_end:#x}"
            return self._from(reg, value, packet.data, "the packet")
        if base in (t.PTR_TO_MAP_VALUE, t.PTR_TO_MEM) and not reg.scalar.var_off.mask:
            return self._region(reg, base, (value - reg.off - reg.scalar.var_off.value) & U64)
        return ""

    def _from(self, reg: RegState, value: int, start: int, name: str) -> str:
        why = outside(reg.scalar, (value - start - reg.off) & U64)
        return f"is {value - start} from {name}, outside {reg.off} + {reg.scalar} ({why})" if why else ""

    def _region(self, reg: RegState, base: int, start: int) -> str:
        """A value or a piece of memory starts where the pointer came from, and is as large as was said."""
        area = self.engine.memory.area_at(start)
        if area is None:
            return f"came from {start:#x}, where nothing is"
        low, high = area.bounds(start)
        if base == t.PTR_TO_MEM:
            return (
                "" if start + reg.mem_size <= high else f"was said to have {reg.mem_size} bytes, and has {high - start}"
            )
        if low != start or reg.map_ptr < 0:
            return "" if reg.map_ptr < 0 else f"came from the middle of {area.name}"
        spec = self.engine.maps[0][reg.map_ptr].spec
        spec = spec.inner if reg.inner_map and spec.inner is not None else spec
        return "" if high - low >= spec.value_size else f"points to {high - low} bytes, not {spec.value_size}"
