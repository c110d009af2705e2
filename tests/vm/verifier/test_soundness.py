"""What runs is what was proven: each value of a run lies inside the verifier's state of its step (fuzz/inside.py).

By default a sample of the kernel's own self-test objects is run where they are ($KERNEL_DIR/selftests);
SOUNDNESS_OBJECTS=all runs all of them, which takes a while.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fuzz.generate import make
from fuzz.inside import Follower, Proof, Unsound
from fuzz.soundness import Watched, agrees, check, follow, walked
from vm.elf import load_object
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import Program
from vm.runner.inputs import PacketInput, RunInput, RunLimits
from vm.runner.interp import codes_of
from vm.runner.world import World
from vm.trace.recorder import Recorder
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState, frame_pointer, known_scalar, pointer
from vm.verifier.state.reg_types import (
    BPF_ADD_CONST,
    PTR_TO_MAP_VALUE,
    PTR_TO_MAP_VALUE_OR_NULL,
    STACK_MISC,
    STACK_ZERO,
)

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"
SELFTESTS = Path(os.environ.get("KERNEL_DIR", Path.home() / ".cache" / "bpf-kernel")) / "selftests"
SAMPLE = 8
# Linux 6.12 itself is wrong about these, and the emulation with it: a null constant passes for an argument:nonnull.
WRONG_IN_LINUX = {"p_pointer_nonnull": "is null, and was taken for a pointer"}


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_random_programs_stay_inside_what_was_proven(start: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(start, start + 40):
        found = check(make(seed, sloppy=0.02).program(), random.Random(seed))
        if found is None:
            continue
        assert not found.broken, f"seed {seed}: {found.broken}"
        seen.update(accepted=1, held=found.held, loose=found.loose, steps=found.steps)
    assert seen["accepted"] >= 15
    assert seen["held"] >= 10_000
    assert seen["loose"] < seen["steps"] / 2


@pytest.mark.parametrize("path", sorted(OBJECTS.glob("*.o")), ids=lambda p: p.stem)
def test_recorded_programs_stay_inside_what_was_proven(path: Path) -> None:
    loaded = load_object(path.read_bytes(), path.name)
    for program in loaded.programs:
        proof = walked(program)
        if proof is None:
            continue
        found = follow(proof, random.Random(f"{path.name} {program.name}"), 3, loaded.maps)
        if program.name in WRONG_IN_LINUX:
            assert WRONG_IN_LINUX[program.name] in found.broken
            continue
        assert not found.broken, f"{program.name}: {found.broken}"
        assert not (why := agrees(proof, random.Random(program.name), 2, loaded)), f"{program.name}: {why}"


def kernel_objects() -> Iterator[Path]:
    paths = sorted(SELFTESTS.glob("*.o")) if SELFTESTS.is_dir() else []
    if os.environ.get("SOUNDNESS_OBJECTS") != "all":
        small = [p for p in paths if p.stat().st_size < 60_000]
        paths = sorted(random.Random(6).sample(small, min(SAMPLE, len(small))))
    yield from paths


@pytest.mark.parametrize("path", list(kernel_objects()), ids=lambda p: p.stem)
def test_programs_of_the_kernel_stay_inside_what_was_proven(path: Path) -> None:
    try:
        loaded = load_object(path.read_bytes(), path.name)
    except InputError:
        pytest.skip("not loaded")
    for program in loaded.programs[:10]:
        found = check(program, random.Random(f"{path.name} {program.name}"), 2, loaded.maps)
        assert found is None or not found.broken, f"{program.name}: {found.broken}"


# -- what the follower sees ---------------------------------------------------------------------------

R0_FROM_MARK = (
    Insn(o.LDX | o.MEM | o.W, 0, 1, 8),
    Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 7),
    Insn(o.JMP | o.JGT | o.K, 0, 0, 1, 3),
    Insn(o.ALU64 | o.ADD | o.K, 0, 0, 0, 4),
    Insn(o.JMP | o.EXIT),
)


def run(proof: Proof, given: RunInput) -> Follower:
    """One run of a proven program."""
    world = World([proof.program], RunLimits(steps=0), ())
    world.begin(given)
    engine = Watched(codes_of([proof.program]), world, RunLimits(steps=0), 0)
    engine.follower = Follower(proof)
    try:
        assert engine.run() is None
    finally:
        world.memory.close()
    return engine.follower


def proven(insns: tuple[Insn, ...], prog_type: int = 3) -> Proof:
    proof = walked(Program("p", "tc", prog_type, insns))
    assert proof is not None
    return proof


def lie(proof: Proof, step: int, regno: int, value: RegState) -> None:
    proof.trace.raw(step)[-1].regs[regno] = value


def test_a_number_outside_its_state_is_seen() -> None:
    proof = proven(R0_FROM_MARK)
    assert run(proof, PacketInput(bytes(20), mark=5)).held > 5
    lie(proof, 1, 0, known_scalar(3))
    with pytest.raises(Unsound, match=r"r0 of frame 0 = 0x5 is outside"):
        run(proof, PacketInput(bytes(20), mark=5))


class WithoutForks:
    """A trace that knows only the paths that begin a function."""

    def __init__(self, trace: Recorder) -> None:
        self._trace = trace
        self.paths = [path for path in trace.paths if path.push_step < 0]

    def __len__(self) -> int:
        return len(self._trace)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trace, name)


def test_a_branch_taken_for_impossible_is_seen() -> None:
    proof = proven(R0_FROM_MARK)
    proof = proof._replace(trace=cast(Recorder, WithoutForks(proof.trace)))
    run(proof, PacketInput(bytes(20), mark=1))
    with pytest.raises(Unsound):
        run(proof, PacketInput(bytes(20), mark=7))


def test_a_byte_of_stack_taken_for_zero_is_seen() -> None:
    store = Insn(o.ST | o.MEM | o.DW, 10, 0, -8, 1 << 24)
    proof = proven((store, Insn(o.ALU64 | o.MOV | o.K, 0), Insn(o.JMP | o.EXIT)))
    assert run(proof, PacketInput(bytes(20))).held
    frame = proof.trace.raw(0)[-1]
    # The lowest byte comes last; it is the fourth that is not zero.
    frame.stack[0] = StackSlot((STACK_MISC,) * 4 + (STACK_MISC, STACK_ZERO, STACK_ZERO, STACK_ZERO))
    run(proof, PacketInput(bytes(20)))
    frame.stack[0] = StackSlot((STACK_MISC,) * 4 + (STACK_ZERO,) * 4)
    with pytest.raises(Unsound, match="byte 3 is 1 and was taken for zero"):
        run(proof, PacketInput(bytes(20)))


def test_a_number_that_is_no_pointer_is_seen() -> None:
    proof = proven(R0_FROM_MARK)
    lie(proof, 0, 0, frame_pointer(0))
    with pytest.raises(Unsound, match="r0 of frame 0 = 0x5 is"):
        run(proof, PacketInput(bytes(20), mark=5))


def test_a_pointer_that_is_null_is_seen() -> None:
    proof = proven(R0_FROM_MARK)
    lie(proof, 0, 0, pointer(PTR_TO_MAP_VALUE_OR_NULL))
    run(proof, PacketInput(bytes(20), mark=0))
    lie(proof, 0, 0, pointer(PTR_TO_MAP_VALUE))
    with pytest.raises(Unsound, match="is null"):
        run(proof, PacketInput(bytes(20), mark=0))


def test_numbers_taken_for_equal_are_held_to_it() -> None:
    proof = proven((*R0_FROM_MARK[:1], Insn(o.ALU64 | o.MOV | o.X, 2, 0), *R0_FROM_MARK[1:]))
    run(proof, PacketInput(bytes(20), mark=5))
    linked = proof.trace.raw(1)[-1].regs[2].clone()
    linked.id, linked.off = linked.id | BPF_ADD_CONST, 4
    lie(proof, 1, 2, linked)
    with pytest.raises(Unsound, match="linked"):
        run(proof, PacketInput(bytes(20), mark=5))
