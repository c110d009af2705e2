"""Sequences of a run's steps that make each step when it is read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

from vm.runner.execution import RunStep


class LazySteps(Sequence[RunStep]):
    """Steps, each made when it is read. Equal to any other sequence of the same steps; a slice makes no step either."""

    @abstractmethod
    def step_at(self, index: int) -> RunStep:
        """The step at an index from 0 to len(self) - 1."""

    @overload
    def __getitem__(self, index: int) -> RunStep: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RunStep]: ...
    def __getitem__(self, index: int | slice) -> RunStep | Sequence[RunStep]:
        count = len(self)
        if isinstance(index, slice):
            return _Slice(self, range(count)[index])
        if index < 0:
            index += count
        if not 0 <= index < count:
            raise IndexError(index)
        return self.step_at(index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(other) == list(self)

    __hash__ = None  # type: ignore[assignment]


class _Slice(LazySteps):
    """Some of the steps of another sequence."""

    def __init__(self, steps: LazySteps, indices: range) -> None:
        self._steps = steps
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def step_at(self, index: int) -> RunStep:
        return self._steps.step_at(self._indices[index])
