"""What runs is what was proven: each value of a run lies inside the verifier's state of its step.

The run of an accepted program is followed along the recorded tree of paths. Where the tree ends because
the walk saw a state it had covered before, following stops: the cached state may have been compared loosely
(a number nothing depends on covers every number). Where it ends without that, the verifier took a branch
for impossible that the run went.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fuzz.generate import make
from vm import pipeline
from vm.elf import load_object
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import Program
from vm.runner.execution import Execution
from vm.runner.inputs import NoInput, PacketInput, RunInput, RunLimits
from vm.runner.interp import interpret
from vm.verifier.domain.scalar import Scalar
from vm.verifier.recorder import FrameSnapshot, Recorder
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"
PACKET_TYPES = (1, 3, 4, 6)
U64 = (1 << 64) - 1
MOST_STEPS = 3000


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def outside(s: Scalar, value: int) -> str:
    """The bound of `s` that the unsigned 64-bit `value` breaks, or nothing."""
    low = value & 0xFFFFFFFF
    for name, holds in (
        ("tnum", value & ~s.var_off.mask & U64 == s.var_off.value),
        ("u64", s.umin <= value <= s.umax),
        ("s64", s.smin <= signed(value, 64) <= s.smax),
        ("u32", s.u32_min <= low <= s.u32_max),
        ("s32", s.s32_min <= signed(low, 32) <= s.s32_max),
    ):
        if not holds:
            return name
    return ""


class Follower:
    """Walks one run through one trace. `held` counts the values compared."""

    def __init__(self, program: Program, trace: Recorder) -> None:
        self.insns = program.insns
        self.trace = trace
        self.forks: dict[int, list[int]] = defaultdict(list)  # step -> first steps of the paths pushed there
        self.pruned: set[int] = set()  # steps after which a branch, or the path itself, was covered before
        for path in trace.paths:
            if path.last_step < path.first_step:
                self.pruned.add(path.push_step)
                continue
            if path.push_step >= 0:
                self.forks[path.push_step].append(path.first_step)
            if path.end == "safe":
                self.pruned.add(path.last_step)
        self.held = 0

    def follow(self, run: Execution) -> str:
        """Empty if all was inside; else what was not."""
        at = [0]
        memory: dict[int, int] = {}
        depth_of_body = -1  # a global function's body is walked on its own
        for n, step in enumerate(run.steps):
            for write in step.writes:
                for i, byte in enumerate(write.data):
                    memory[write.address + i] = byte
            if depth_of_body >= 0:
                if step.frameno >= depth_of_body:
                    continue
                depth_of_body = -1
            at = [i for i in at if self.trace.insn_idx(i) == step.insn_idx]
            if not at:
                return f"step {n}, instruction {step.insn_idx}: the verifier never came here"
            insn = self.insns[step.insn_idx]
            if self.calls_back(insn):
                return ""
            if insn.code & 7 not in (o.JMP, o.JMP32):
                # maybe_fork_scalars(): a number that is 0 or -1 is followed as either, from this very instruction.
                at += [j for i in at for j in self.forks.get(i, []) if self.trace.insn_idx(j) == step.insn_idx]
            # Where a jump pushed a branch, the state after the step is of one side only.
            if insn.code & 7 not in (o.JMP, o.JMP32) or not any(i in self.forks or i in self.pruned for i in at):
                said = [self.compare(self.trace.raw(i)[-1:], step.regs, memory) for i in at]
                at = [i for i, why in zip(at, said, strict=True) if not why]
                if not at:
                    return f"step {n}, instruction {step.insn_idx} {insn}: {said[0]}"
            if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL and n + 1 < len(run.steps):
                walked_into = any(self.trace.insn_idx(j) == run.steps[n + 1].insn_idx for j in self.after(at))
                if not walked_into and not any(i in self.pruned for i in at):
                    depth_of_body = step.frameno + 1
            if any(i in self.pruned for i in at):
                return ""
            at = self.after(at)
        return ""

    def after(self, at: Sequence[int]) -> list[int]:
        """Steps that come next on the same path or on one pushed here."""
        out = []
        for i in at:
            out += self.forks.get(i, [])
            if i + 1 < len(self.trace) and self.trace.path_of(i + 1) == self.trace.path_of(i):
                out.append(i + 1)
        return out

    def calls_back(self, insn: Insn) -> bool:
        return insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_FUNC

    def compare(self, frames: tuple[FrameSnapshot, ...], regs: Sequence[int], memory: dict[int, int]) -> str:
        if not frames:
            return ""
        frame = frames[0]
        for number, reg in enumerate(frame.regs):
            why = self.one(reg, regs[number], regs[10], frame.frameno)
            if why:
                return f"r{number} = {regs[number]:#x} is outside {reg.scalar} ({why})"
        for spi, slot in enumerate(frame.stack):
            why = self.spilled(slot, regs[10] - 8 * (spi + 1), memory, regs[10], frame.frameno)
            if why:
                return f"fp-{8 * (spi + 1)}: {why}"
        return ""

    def one(self, reg: RegState, value: int, fp: int, frameno: int) -> str:
        if reg.type == t.SCALAR_VALUE:
            self.held += 1
            return outside(reg.scalar, value)
        if reg.type == t.PTR_TO_STACK and reg.frameno == frameno:
            self.held += 1
            return outside(reg.scalar, (value - fp - reg.off) & U64)
        return ""

    def spilled(self, slot: StackSlot, address: int, memory: dict[int, int], fp: int, frameno: int) -> str:
        if slot.slot_type[0] == t.STACK_SPILL:
            data = [memory.get(address + i) for i in range(8)]
            if any(b is None for b in data):
                return ""
            value = int.from_bytes(bytes(b for b in data if b is not None), "little")
            why = self.one(slot.spilled_ptr, value, fp, frameno)
            return f"{value:#x} is outside {slot.spilled_ptr.scalar} ({why})" if why else ""
        for i, kind in enumerate(slot.slot_type):
            if kind == t.STACK_ZERO and memory.get(address + i, 0) != 0:
                return f"byte {i} is {memory[address + i]} and was taken for zero"
        return ""


def inputs(program: Program, rng: random.Random, count: int) -> Iterator[RunInput]:
    """Packets of random bytes, often of small or extreme numbers; nothing for other programs."""
    for _ in range(count):
        if program.prog_type not in PACKET_TYPES:
            yield NoInput()
            continue
        size = rng.choice((14, 15, 34, 64, 300))
        data = bytes(rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))) for _ in range(size))
        yield PacketInput(data, mark=rng.choice((0, 1, 0xFFFFFFFF)), priority=rng.randrange(1 << 32))


def check(program: Program, rng: random.Random, count: int = 3) -> tuple[str, int]:
    """What one accepted program's runs break ("" if nothing), and how many values were compared; -1: not accepted."""
    try:
        said, _ = pipeline.verify(program, log_level=0)
    except InputError:
        return "", -1
    trace = said.trace
    if said.verdict != "accept" or not isinstance(trace, Recorder):
        return "", -1
    held = 0
    for given in inputs(program, rng, count):
        limits = RunLimits(steps=MOST_STEPS, insns=MOST_STEPS, seconds=2, seed=rng.randrange(1 << 30))
        try:
            run = interpret(program, given, limits)
        except InputError:
            continue
        # Without an event, the ctx of a tracing program is shorter than a real one's.
        if run.fault is not None and run.fault.kind == "memory" and program.prog_type in PACKET_TYPES:
            return f"accepted, and the run stopped: {run.fault}", held
        follower = Follower(program, trace)
        broken = follower.follow(run)
        held += follower.held
        if broken:
            return broken, held
    return "", held


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_random_programs_stay_inside_what_was_proven(start: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(start, start + 40):
        broken, held = check(make(seed, sloppy=0.02).program(), random.Random(seed))
        assert not broken, f"seed {seed}: {broken}"
        seen["accepted"] += held >= 0
        seen["held"] += max(held, 0)
    assert seen["accepted"] >= 15
    assert seen["held"] >= 5000


@pytest.mark.parametrize("path", sorted(OBJECTS.glob("*.o")), ids=lambda p: p.stem)
def test_recorded_programs_stay_inside_what_was_proven(path: Path) -> None:
    rng = random.Random(path.stem)
    for program in load_object(path.read_bytes(), path.name).programs:
        broken, _ = check(program, rng, count=2)
        assert not broken, f"{program.name}: {broken}"
