"""Rows of the bench: several measured values, their goal, and the time that a measure may take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

OUT_OF_TIME: Final = "not measured: out of time"


class Clock:
    """The time a measure has, in seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def repeat(self, action: Callable[[], float], most: int) -> list[float]:
        """What the action returned, up to `most` times; no more often than the time allows (by its longest run)."""
        found: list[float] = []
        longest = 0.0
        while len(found) < most and self.left() > longest:
            start = time.monotonic()
            found.append(action())
            longest = max(longest, time.monotonic() - start)
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the bench.

    values -- measured; none: `note` says why there are none
    unit   -- written after a value ("" for a ratio)
    goal   -- the most a value should be, or the least if `at_least`; None: there is none
    note   -- what else is to say
    """

    label: str
    values: Sequence[float] = ()
    unit: str = ""
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None if it was not measured or has none."""
        if not self.values or self.goal is None:
            return None
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    def text(self) -> str:
        if not self.values:
            return f"{self.label:<68} {self.note or OUT_OF_TIME}"
        goal = ""
        if self.goal is not None:
            sign = ">=" if self.at_least else "<="
            goal = f"{sign} {_number(self.goal)}{self.unit}, {'met' if self.met else 'NOT MET'}"
        spread = f"{_number(min(self.values))}-{_number(max(self.values))} of {len(self.values)}"
        if len(self.values) == 1:
            spread = ""
        value = f"{_number(self.median)}{self.unit}"
        return f"{self.label:<68} {value:>12}  {spread:<22} {goal:<22} {self.note}".rstrip()


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def skipped(label: str, why: str) -> Row:
    """A row that cannot be measured here."""
    return Row(label, note=f"skipped: {why}")
