"""Changes and conditions in the blocks of a run: registers hold one number each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vm.runner.execution import X86_REGS, RunStep
from vm.runner.stored import StoredSteps
from vm.seek.condition import Condition, Place, number
from vm.trace.records import RegView


def changes(part: StoredSteps, name: str) -> Iterator[int]:
    """Steps of a block at which a register (r3, or rdi of the machine) got another value."""
    # r8 and r9 are BPF's: the page calls the machine's by the registers that they stand for.
    bpf = int(name[1:]) if re.fullmatch("r([0-9]|10)", name) else -1
    index = X86_REGS.index(name) if bpf < 0 and name in X86_REGS else -1
    if index < 0 and bpf < 0:
        return
    before = part.before
    for step, each in enumerate(part.steps, part.first):
        if before is None or _read(each, index, bpf) != _read(before, index, bpf):
            yield step
        before = each


def _read(step: RunStep, index: int, bpf: int) -> int:
    if index >= 0:
        return step.x86[index] if step.x86 else 0
    return step.regs[bpf]


def conditions(part: StoredSteps, condition: Condition) -> Iterator[int]:
    """Steps of a block at which a condition becomes true."""
    was = part.before is not None and _holds(condition, part.before)
    slots = [place.slot for place in condition.places]
    decided: dict[tuple[int, ...], bool] = {}
    for step, each in enumerate(part.steps, part.first):
        regs = each.regs
        key = tuple([regs[slot] for slot in slots])
        known = decided.get(key)
        now = _holds(condition, each) if known is None else known
        decided[key] = now
        if now and not was:
            yield step
        was = now


def _holds(condition: Condition, step: RunStep) -> bool:
    return condition.holds(lambda place: _view(step, place))


def _view(step: RunStep, place: Place) -> RegView:
    return number(step.regs[place.slot])
