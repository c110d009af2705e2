"""Blocks of a run's steps hold what the run recorded, and every damaged one is found."""

from __future__ import annotations

import random
from itertools import repeat
from pathlib import Path

import pytest

from vm import pipeline
from vm.pipeline import BuildOptions, Source
from vm.runner import stored
from vm.runner.execution import MemoryWrite, RunStep
from vm.runner.follow import Known
from vm.runner.inputs import PacketInput, RunInput, RunLimits
from vm.runner.stored import BlockError, blocks, read_block

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"
LOOP = "r6 = 0\nloop:\n*(u64 *)(r10 - 8) = r6\nr6 += 1\nif r6 < 3000 goto loop\ncall f\nexit\nf:\nr0 = 2\nexit\n"


def recorded(engine: str) -> list[RunStep]:
    obj = pipeline.load(Source("asm", LOOP.encode()), BuildOptions())
    verification, env = pipeline.verify(obj.programs[0], log_level=0)
    assert verification.verdict == "accept"
    rewritten = pipeline.rewrite(env)
    image = pipeline.translate(rewritten) if engine == "jit" else None
    given: list[RunInput] = [PacketInput(bytes(64))]
    return list(pipeline.execute(rewritten, image, given, RunLimits(), obj=obj)[0].steps)


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_a_run_is_read_as_it_was_recorded(engine: str) -> None:
    steps = recorded(engine)
    assert len(steps) > 2 * stored.STEPS_IN_BLOCK
    known = [Known(i, i % 3 == 0, i % 2, ("r1", "r10") if i % 5 == 0 else ()) if i % 7 else None for i in range(9005)]
    at = 0
    for place, data in blocks(steps, iter(known)):
        block = read_block(data)
        assert (block.first, place) == (at, range(at, at + len(block.steps)))
        assert block.steps == steps[at : at + len(block.steps)]
        assert block.known == known[at : at + len(block.steps)]
        if at == 0:
            assert block.before is None
        else:
            assert block.before is not None
            assert (block.before.regs, block.before.x86) == (steps[at - 1].regs, steps[at - 1].x86)
        recent = max(0, at - stored.RECENT)
        wanted = [(i, w) for i in range(recent, at + len(block.steps)) for w in steps[i].writes]
        assert block.stores == wanted
        at += len(block.steps)
    assert at == len(steps) == 3000 * 3 + 5


def test_known_states_that_end_early_and_odd_stores() -> None:
    regs = tuple(range(11))
    writes = (MemoryWrite(0xFFFF_FFFF_FFFF_FFFF, b"\x01\x02", "fp-8"), MemoryWrite(0, b"", "päcket+4"))
    steps = [RunStep(3, -1, regs, (), writes, 5, 2), RunStep(4, -1, regs, ())]
    ((_, data),) = blocks(steps, iter([Known(1, False, 0)]))
    block = read_block(data)
    assert block.steps == steps and block.known == [Known(1, False, 0), None]
    assert list(blocks([], repeat(None))) == []


def test_a_block_with_one_wrong_bit_is_damaged_wherever_the_bit_is(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = recorded("interpreter")[:60]
    ((_, data),) = blocks(steps, repeat(None))
    dice = random.Random(1)
    for place in dice.sample(range(len(data)), 200):
        wrong = bytearray(data)
        wrong[place] ^= 1 << dice.randrange(8)
        with pytest.raises(BlockError):
            read_block(bytes(wrong))
    for length in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises(BlockError):
            read_block(data[:length])
    assert read_block(data).steps == steps


def test_a_step_takes_tens_of_bytes() -> None:
    steps = recorded("jit")
    size = sum(len(data) for _, data in blocks(steps, repeat(None)))
    assert size / len(steps) < 60


def test_registers_that_did_not_change_are_not_stored() -> None:
    step = RunStep(0, 0, tuple(range(11)), ())
    same = [step._replace(insn_idx=i) for i in range(1000)]
    ((_, data),) = blocks(same, repeat(None))
    assert len(data) < 1000 * 26 + 200
