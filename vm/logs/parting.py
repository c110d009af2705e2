"""A log held against the walk of a program here: how far they agree, and the first place where they part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vm.isa.insn import Insn
from vm.logs.decode import decode
from vm.logs.printed import view
from vm.logs.values import State, Step
from vm.trace.records import RegView, ScalarView

MAX_AT_ONCE: Final = 64
"""Places in our walk that are followed at the same time: visits of the same instructions with the same values."""


class Walked(NamedTuple):
    """What is asked of our walk.

    steps -- how many there are; insn_idx, path, state -- of a step: state by name, after it
    after -- the steps that can follow one: the next of its path, and the first ones of the paths that it pushed
    roots -- steps that no step comes before
    """

    steps: int
    insn_idx: Callable[[int], int]
    state: Callable[[int], dict[str, RegView]]
    after: Callable[[int], Sequence[int]]
    roots: Sequence[int]


class Parted(NamedTuple):
    """kind -- none, insn, path, value; agreed -- steps of the log that were found in the walk

    step -- of the log, our_step -- of the walk: -1 where there is none
    """

    kind: str
    agreed: int
    step: int = -1
    our_step: int = -1
    insn_idx: int = -1
    name: str = ""
    log: str = ""
    ours: str = ""


def part(steps: Sequence[Step], insns: Sequence[Insn], walked: Walked) -> Parted:
    """Where a path of a log and our walk part. steps: of the log, in the order of the path; insns: of our program."""
    if not steps:
        return Parted("none", 0)
    places = [step for step in walked.roots if walked.insn_idx(step) == steps[0].insn_idx]
    if not places:
        # A log that was cut begins anywhere.
        places = [step for step in range(walked.steps) if walked.insn_idx(step) == steps[0].insn_idx][:MAX_AT_ONCE]
    agreed = 0
    for number, step in enumerate(steps):
        other = _other_insn(step, insns)
        if other is not None:
            return Parted("insn", agreed, step.number, -1, step.insn_idx, "", step.text, other)
        if not places:
            return Parted("path", agreed, step.number, -1, step.insn_idx, "", step.text, "")
        last = number == len(steps) - 1
        differs = [None if last else _differs(step, walked.state(place)) for place in places]
        if all(each is not None for each in differs):
            found = differs[0]
            assert found is not None
            return Parted("value", agreed, step.number, places[0], step.insn_idx, *found)
        agreed += 1
        if last:
            return Parted("none", agreed, step.number, places[0], step.insn_idx)
        kept = [place for place, found in zip(places, differs, strict=True) if found is None]
        wanted = steps[number + 1].insn_idx
        places = [
            after for place in kept for after in walked.after(place) if walked.insn_idx(after) == wanted
        ][:MAX_AT_ONCE]  # fmt: skip
    return Parted("none", agreed)


def fits(steps: Sequence[Step], insns: Sequence[Insn]) -> bool:
    """Whether a program has the instructions that a log prints, as far as its text carries them."""
    return all(_other_insn(step, insns) is None for step in steps)


def _other_insn(step: Step, insns: Sequence[Insn]) -> str | None:
    """Our instruction at that place, if it is another one; None if it is the same, or the text does not tell."""
    if step.insn_idx >= len(insns):
        return "no instruction"
    ours = insns[step.insn_idx]
    if step.code >= 0 and ours.code != step.code:
        return f"opcode {ours.code:02x}"
    what = decode(step.code, step.text)
    if not what.insns or what.called or len(what.insns) > 1:
        return None
    return None if what.insns[0] == ours else f"{tuple(ours)}"


def _differs(step: Step, ours: dict[str, RegView]) -> tuple[str, str, str] | None:
    """(name, value in the log, our value) of the first value that differs."""
    shown = step.after
    if shown is None:
        return None
    for name, text in _names(shown):
        mine = ours.get(name)
        if mine is None:
            return name, text, "nothing"
        if not _same(view(text), mine):
            return name, text, mine.text
    return None


def _names(state: State) -> list[tuple[str, str]]:
    prefix = f"{state.frame}:" if state.frame else ""
    return [(prefix + value.name, value.text) for value in state.values]


def _same(log: RegView, ours: RegView) -> bool:
    """Whether two values say the same, in whatever kernel's words. Numbers of ids are each kernel's own."""
    if log.text == ours.text:
        return True
    if log.kind != ours.kind or log.maybe_null != ours.maybe_null:
        return False
    if log.kind == "number" and (log.scalar is None or ours.scalar is None):
        return True  # bytes of the stack, whose letters differ between kernels
    if log.kind == "packet" and log.range != ours.range:
        return False
    if log.scalar is not None and ours.scalar is not None and not _same_bounds(log.scalar, ours.scalar):
        return False
    return log.kind in ("number", "map_value") or log.off == ours.off or "imm=" in log.text


def _same_bounds(log: ScalarView, ours: ScalarView) -> bool:
    """The 64-bit bounds: the others are not printed by every kernel."""
    return (log.umin, log.umax, log.smin, log.smax) == (ours.umin, ours.umax, ours.smin, ours.smax)
