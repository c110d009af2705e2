"""How a value came to be, and who reads and writes it, against what the trace says step by step."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from vm import pipeline
from vm.caps import ROOT
from vm.errors import InputError
from vm.explain.history import MAX_EVENTS, history
from vm.explain.ink import facts_around
from vm.pipeline import BuildOptions, Source
from vm.program import Program
from vm.trace.history import MAX_ACCESSES, NotHereError, Sparse, Way
from vm.trace.recorder import Recorder
from vm.trace.snapshots import slot_index

OBJECTS = sorted(Path("tests/golden/objects").glob("*.o"))
WALKS = 20
SAMPLE = 12
"""Steps of a walk that are looked at."""


def walked(program: Program) -> Recorder | None:
    walk = pipeline.walk(program, log_level=0)
    try:
        for _ in walk.advance():
            pass
    except InputError:
        return None
    return walk.recorder


def source(text: str) -> tuple[Program, Recorder]:
    program = pipeline.choose(pipeline.load(Source("asm", text.encode(), "program"), BuildOptions()), "")
    trace = walked(program)
    assert trace is not None
    return program, trace


def recorded() -> Iterator[tuple[str, Program, Recorder]]:
    """Walks with a few hundred steps, most with branches and calls: the longest of each object."""
    for path in OBJECTS:
        obj = pipeline.load(Source("elf", path.read_bytes(), path.stem), BuildOptions())
        found = []
        for program in obj.programs[:16]:
            trace = walked(program)
            if trace is not None and 4 < len(trace) < 3000:
                found.append((len(trace), program.name, program, trace))
        for _, name, program, trace in sorted(found, key=lambda each: -each[0])[:3]:
            yield f"{path.stem}:{name}", program, trace


@cache
def walks() -> tuple[tuple[str, Program, Recorder], ...]:
    found = sorted(recorded(), key=lambda each: -len(each[2]))
    return tuple(islice(found, WALKS))


def path_to(trace: Recorder, step: int) -> list[int]:
    """The steps of the path up to a step, in order."""
    steps = [step]
    while (before := trace.before(steps[-1])) >= 0:
        steps.append(before)
    return steps[::-1]


def sample(trace: Recorder) -> list[int]:
    chosen = random.Random(len(trace)).sample(range(len(trace)), min(SAMPLE, len(trace)))
    return sorted({*chosen, 0, len(trace) - 1})


@pytest.mark.parametrize("number", range(WALKS))
def test_the_last_thing_that_made_a_value_is_the_step_that_wrote_it(number: int) -> None:
    _, _, trace = walks()[number]
    for step in sample(trace):
        way = path_to(trace, step)
        for name in trace.slots(step):
            frame, idx = slot_index(name)
            told = history(trace, step, frame, idx)
            assert told.writer == trace.writer(step, name)
            made = [event for event in told.events if event.kind not in ("branch", "narrowed")]
            assert made[-1].step == told.writer and made[-1].name == name
            assert [event.step for event in told.events] == sorted(event.step for event in told.events)
            assert all(event.step in way or event.step < 0 for event in told.events)
            assert len(told.events) <= MAX_EVENTS
            # What is told of it last is what it is now.
            last = [event for event in told.events if event.name == name][-1]
            view = trace.view(trace.slots(step)[name], trace.raw(step), name)
            assert last.now is not None and last.now.scalar == view.scalar and last.now.range == view.range


@pytest.mark.parametrize("number", range(WALKS))
def test_accesses_are_what_the_steps_say(number: int) -> None:
    _, _, trace = walks()[number]
    for step in sample(trace)[::3]:
        way = path_to(trace, step)
        for name in trace.slots(step):
            frame, idx = slot_index(name)
            found = Way(trace, step).accesses(frame, idx)
            assert found.begun
            here = [each for each in way if found.first <= each]
            if frame == 0:
                assert here == way
            told = [each for each in found.reads if each <= step]
            assert told == [each for each in here if name in trace.reads(each)]
            # As the next step of the way found it: what a step did that forked the way may be another path's.
            wrote = {trace.writer_before(each, frame, idx) for each in here[1:]} | {trace.writer(step, name)}
            assert {each for each in found.writes if each <= step} >= wrote & set(here)


def test_a_branch_that_was_taken_narrows_as_one_that_was_not() -> None:
    program, trace = source("""
        r0 = 0
        r6 = *(u32 *)(r1 + 16)
        if r6 > 9 goto far
        r0 = r6
        exit
    far:
        r0 = r6
        exit
    """)
    for step, words in ((3, "if r6 > 0x9 not taken"), (5, "if r6 > 0x9 taken")):
        told = history(trace, step, 0, 6)
        assert [(event.kind, event.why) for event in told.events][-1] == ("branch", words)
    facts = {step: [fact.text for fact in facts_around(trace, program, step).facts] for step in (3, 5)}
    assert facts == {3: ["r6 ≤ 9"], 5: ["r6 ≥ 10"]}


def test_of_a_loop_one_round_is_told() -> None:
    _, trace = source("""
        r6 = 0
    again:
        r6 += 1
        if r6 < 200 goto again
        r0 = r6
        exit
    """)
    told = history(trace, len(trace) - 1, 0, 0)
    assert told.repeated and len(told.events) < 8
    assert told.events[-1].kind == "move"


def test_what_is_not_at_hand_is_named() -> None:
    _, trace = source("""
        r7 = *(u32 *)(r1 + 16)
        r6 = 0
    again:
        r6 += 1
        if r6 < 20000 goto again
        r0 = r7
        exit
    """)
    trace.flush()
    bodies = {}
    for number in range(trace.block_count()):
        head = trace.head(number)
        bodies[number] = trace._storage.read(head.offset - 60, head.length + 60)
    heads = [data[:60] for data in bodies.values()]
    program = source("r0 = 0\nexit")[0]
    last = len(trace) - 1
    sparse = Sparse(heads, {len(heads) - 1: bodies[len(heads) - 1]})
    part = pipeline.stored_trace(program, sparse, caps=ROOT)
    for head in sparse.heads:
        part.add_block(head)
    part._insns = trace.insns
    assert list(part.raw(last)[0].regs) and not sparse.missing
    told = history(part, last, 0, 0)
    assert told.cut and 0 in sparse.missing
    found = Way(part, last).accesses(0, 6)
    assert not found.begun and found.first == sparse.heads[-1].first and found.writes
    with pytest.raises(NotHereError):
        history(part, 10, 0, 6)


def test_of_a_long_loop_no_more_blocks_are_read_than_accesses_are_told() -> None:
    _, trace = source("r6 = 0\nagain:\nr6 += 1\nif r6 < 20000 goto again\nr0 = r6\nexit")
    trace.flush()
    middle = len(trace) // 2
    way = Way(trace, middle)
    found = way.accesses(0, 6)
    assert len(found.writes) == len(found.reads) == MAX_ACCESSES
    # Each block holds 2,048 rounds, which write and read it; those nearest to the step are told, of both sides.
    assert len(way._blocks) <= 4 < trace.block_count() and not found.begun and not found.ended
    assert found.first <= found.reads[0] < middle < found.reads[-1] <= found.last
    assert abs((found.reads[0] + found.reads[-1]) // 2 - middle) <= 2
    assert all(0 < b - a <= 3 for a, b in pairwise(found.reads))


def test_every_value_of_recorded_walks_is_told_at_once() -> None:
    """The measure: every value of 20 recorded walks, each within a tenth of a second."""
    took = []
    for _, _, trace in walks():
        steps = sample(trace)[::2]
        for step in steps:
            for name in trace.slots(step):
                frame, idx = slot_index(name)
                begun = perf_counter()
                history(trace, step, frame, idx)
                Way(trace, step).accesses(frame, idx)
                took.append(perf_counter() - begun)
    print(f"{len(took)} values: median {median(took) * 1e3:.1f} ms, slowest {max(took) * 1e3:.1f} ms")
    assert median(took) < 0.02 and sorted(took)[-len(took) // 100 - 1] < 0.1
