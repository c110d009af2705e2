"""Questions about one value of a recorded walk: its origin, its readers and writers, and facts proven by branches.

The trace may have only some of its blocks (vm.trace.history.Sparse).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vm.trace.history import Way
from vm.trace.snapshots import slot_index

if TYPE_CHECKING:
    from vm.explain.history import History
    from vm.explain.ink import Facts
    from vm.program import Program
    from vm.trace.history import Accesses
    from vm.trace.stored import StoredTrace


class Asked(NamedTuple):
    """A register or stack slot ("r3", "fp-8", in frame n > 0 "n:r3") after a step of the walk, or `before` it."""

    step: int
    name: str
    before: bool = False


def value(trace: StoredTrace, asked: Asked) -> History:
    """The history of the value. NotHereError, IndexError."""
    from vm.explain.history import history

    return history(trace, asked.step, *slot_index(asked.name), before=asked.before)


def accesses(trace: StoredTrace, asked: Asked) -> Accesses:
    """The steps of the path that read and write it. NotHereError, IndexError."""
    return Way(trace, asked.step).accesses(*slot_index(asked.name))


def facts(trace: StoredTrace, program: Program, step: int) -> Facts:
    """Facts that branches proved, at a step and the steps around it. NotHereError, IndexError."""
    from vm.explain.ink import facts_around

    return facts_around(trace, program, step)
