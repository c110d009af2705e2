"""What a search finds is what looking at every step finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import pytest

from vm import pipeline
from vm.pipeline import BuildOptions, Source
from vm.seek import walks
from vm.seek.condition import Place, parse
from vm.seek.outline import Outline, OutlineError, Outliner, read_outline
from vm.seek.stops import Span, Stop, nearest
from vm.trace.blocks import HEADER_SIZE, InMemory, read_heading
from vm.trace.recorder import Recorder
from vm.trace.records import RegView
from vm.trace.snapshots import slot_name

SOURCE = """.type xdp
    r6 = r1
    r7 = *(u32 *)(r6 + 16)
    r8 = 0
again:
    r1 = r8
    call twice
    *(u64 *)(r10 - 8) = r0
    if r7 > 5 goto odd
    r7 += 1
odd:
    r9 = *(u64 *)(r10 - 8)
    r8 += 1
    if r8 < 700 goto again
    if r7 == 3 goto out
    r0 = 1
    exit
out:
    r0 = 2
    exit
twice:
    r0 = r1
    r0 += r1
    if r0 != 0 goto back
    r0 = 7
back:
    exit
"""


@cache
def walked() -> tuple[Recorder, list[bytes], list[Outline]]:
    program = pipeline.choose(pipeline.load(Source("asm", SOURCE.encode(), "program"), BuildOptions()), "")
    storage = InMemory()
    walk = pipeline.Check(
        pipeline.load(Source("asm", SOURCE.encode(), "program"), BuildOptions()), program, storage=storage
    )
    for _ in walk.advance():
        pass
    assert walk.recorder is not None
    walk.recorder.flush()
    assert walk.result().accepted
    outliner, outlines = Outliner(), []
    for number, data in enumerate(storage.parts):
        head = read_heading(data[:HEADER_SIZE], 0)
        outliner.add(walks.read(data))
        assert head.steps
        outlines += list(outliner.take(last=number in (0, 1, len(storage.parts) - 1)))
    return walk.recorder, storage.parts, [read_outline(each.encoded()) for each in outlines]


@cache
def state_at(step: int) -> Mapping[str, RegView]:
    return walked()[0].state(step)


def everything(trace: Recorder, holds: Callable[[int], bool]) -> list[int]:
    return [step for step in range(len(trace)) if holds(step)]


def compare(expected: list[int], found: Callable[[Span], int | None], total: int) -> None:
    """The search says, from random steps in both directions, what the list says."""
    assert expected, "a test of nothing"
    chance = random.Random(7)
    for _ in range(60):
        at = chance.choice([chance.randrange(total), chance.choice(expected), -1, total])
        later = [step for step in expected if step > at]
        earlier = [step for step in expected if step < at]
        assert found(Span(at + 1, total, backwards=False)) == (min(later) if later else None)
        assert found(Span(0, max(at, 0), backwards=True)) == (max(earlier) if earlier else None)


def test_the_walk_is_long_enough() -> None:
    trace, parts, outlines = walked()
    assert len(trace) > 9_000 and len(parts) > 3 and len(outlines) == 3
    assert outlines[-1].end == len(trace)
    assert len({path.end for path in trace.paths}) > 1


@pytest.mark.parametrize("insns", [{6}, {12, 15}, {10, 11}, {0}, {16, 20}])
def test_visits_of_instructions(insns: set[int]) -> None:
    trace, _, outlines = walked()
    stop = Stop("insn", frozenset(insns))
    expected = everything(trace, lambda step: trace.insn_idx(step) in insns)
    compare(expected, lambda span: nearest(outlines, stop, span), len(trace))


@pytest.mark.parametrize("insns", [{3, 4, 5}, {6}, {16, 17}])
def test_visits_of_a_line(insns: set[int]) -> None:
    trace, _, outlines = walked()
    firsts = {path.first_step for path in trace.paths}

    def comes(step: int) -> bool:
        if trace.insn_idx(step) not in insns:
            return False
        before = trace.insn_idx(step - 1) if step else -1
        return step in firsts or before not in insns or trace.insn_idx(step) <= before

    stop = Stop("line", frozenset(insns))
    compare(everything(trace, comes), lambda span: nearest(outlines, stop, span), len(trace))


@pytest.mark.parametrize("most", [1, 2])
def test_steps_of_outer_frames(most: int) -> None:
    trace, _, outlines = walked()
    expected = everything(trace, lambda step: len(trace.raw(step)) <= most)
    compare(expected, lambda span: nearest(outlines, Stop("frame", most=most), span), len(trace))


def test_forks_prunes_and_ends_of_paths() -> None:
    trace, _, outlines = walked()
    paths = trace.paths
    forks = sorted({path.push_step for path in paths if path.push_step >= 0})
    pruned = sorted({path.last_step for path in paths if path.end == "safe"})
    every = sorted({*forks, *(path.first_step for path in paths), *(path.last_step for path in paths)})
    for kind, expected in (("fork", forks), ("prune", pruned), ("path", every)):
        compare(expected, lambda span, kind=kind: nearest(outlines, Stop(kind), span), len(trace))  # type: ignore[misc]


def in_blocks(steps: Callable[[bytes], Iterable[int]]) -> Callable[[Span], int | None]:
    found = [cache(lambda data=data: tuple(steps(data))) for data in walked()[1]]
    return lambda span: span.first_of(found)


@pytest.mark.parametrize("name", ["r8", "r0", "r7", "fp-8", "1:r0", "1:r1"])
def test_changes_of_a_value(name: str) -> None:
    trace, _, _ = walked()
    expected = everything(trace, lambda step: trace.writer(step, name) == step or name in trace.changes(step)[0])
    found = {step for data in walked()[1] for step in walks.changes(walks.read(data), name)}
    assert set(expected) <= found
    # What is found beyond that lost its value, or was made precise or imprecise by a checkpoint.
    for step in sorted(found - set(expected)):
        assert trace.slots(step).get(name) is not trace.slots(step - 1).get(name)
    compare(sorted(found), in_blocks(lambda data: walks.changes(walks.read(data), name)), len(trace))


@pytest.mark.parametrize(
    "text",
    ["r8 == 300", "r8.umin > 100", "r7.umin == 6", "r7.umax <= 5", "r0.type == none",
     "fp-8.type == number && fp-8 > 8", "1:r0 == 40", "r1 == 30", "r9 == r0", "!(r8 < 600)", "r1.type == ctx",
     "r8 == 300 && r8.umin > 5", "r8 >= 0", "r8.umax > 5 || r0 == 7", "!(r8 == 300) && r8 != 301",
     "r8.smin < 9 && r7 == 6", "r8.type == number", "r8.type != number", "r8.s32max < 20", "r8.off == 0",
     "!r8", "fp-8.umax > 3", "0:r8 > 4", "1:r8.type == none", "r10.type == stack", "r7 < 0 || r7 >= 0"],
)  # fmt: skip
def test_conditions(text: str) -> None:
    trace, parts, _ = walked()
    condition = parse(text)
    firsts = {path.first_step for path in trace.paths if path.last_step >= path.first_step}

    def holds(step: int) -> bool:
        state = state_at(step) if step >= 0 else {}
        frame = max(len(trace.raw(step)) - 1, 0) if step >= 0 else 0

        def view(place: Place) -> RegView | None:
            number = frame if place.frame < 0 else place.frame
            return state.get(slot_name(number, place.slot))

        return condition.holds(view)

    truth = [holds(step) for step in range(len(trace))]
    expected = [s for s in range(len(trace)) if truth[s] and (s in firsts or s == 0 or not truth[s - 1])]
    reader = walks.values_of(trace)
    compare(
        expected,
        in_blocks(lambda data: walks.conditions(walks.read(data), condition, reader(walks.read(data)))),
        len(trace),
    )


def test_bytes_that_are_no_outline() -> None:
    good = walked()[2][0].encoded()
    assert read_outline(good).insn[0] == 0
    for bad in (
        b"",
        good[:20],
        b"X" + good[1:],
        good[:-5],
        good[:4] + b"\xff\xff\xff\xff" + good[8:],
        good[:60] + b"??" + good[62:],
    ):
        with pytest.raises(OutlineError):
            read_outline(bad)
