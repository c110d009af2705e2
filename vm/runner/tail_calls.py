"""A run through several programs, of which each but the first was entered by a tail call, as one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vm.runner.execution import PROGRAM, Execution, Region, RunEvent, RunStep
from vm.runner.lazy_steps import LazySteps

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.trace.follow import WalkPaths


class Companion(NamedTuple):
    """Another program of the object, which tail calls can enter.

    image -- its code, where the machine is to run it; paths -- of its walk, where what the verifier knew is asked for
    """

    rewritten: Rewritten
    image: Image | None = None
    paths: WalkPaths | None = None


def joined(parts: Sequence[tuple[int, Execution]]) -> Execution:
    """Runs, each of which continues the one before, as one.

    parts -- number of the program (see PROGRAM), and its run
    """
    (_, first), *more = parts
    if not more and not parts[0][0]:
        return first
    last = parts[-1][1]
    steps = JoinedSteps([(program, run.steps, len(run.events)) for program, run in parts])
    events: list[RunEvent] = []
    start = 0
    for _, run in parts:
        events += [each._replace(step=each.step + start) for each in run.events]
        start += len(run.steps)
    return replace(
        first,
        r0=last.r0,
        result=last.result,
        events=tuple(events),
        insns=sum(run.insns for _, run in parts),
        steps=steps,
        steps_cut=any(run.steps_cut for _, run in parts),
        regions=_regions(region for _, run in parts for region in run.regions),
    )


def _regions(found: Iterable[Region]) -> tuple[Region, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.address))


class JoinedSteps(LazySteps):
    """The steps of runs one after the other.

    parts -- number of the program, its steps, how many events it has
    """

    def __init__(self, parts: Sequence[tuple[int, Sequence[RunStep], int]]) -> None:
        self._parts: list[tuple[range, int, Sequence[RunStep], int]] = []
        start = events = 0
        for program, steps, count in parts:
            self._parts.append((range(start, start + len(steps)), program, steps, events))
            start, events = start + len(steps), events + count
        self._count = start

    def __len__(self) -> int:
        return self._count

    def step_at(self, index: int) -> RunStep:
        for place, program, steps, events in self._parts:
            if index in place:
                step = steps[index - place.start]
                event = step.event + events if step.event >= 0 else -1
                return step._replace(insn_idx=step.insn_idx + PROGRAM * program, event=event)
        raise IndexError(index)
