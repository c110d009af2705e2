"""Accesses behind arithmetic that was refused: every way from there, as far as it is short."""

from __future__ import annotations

from typing import Final

from vm.counterexample.execute import Execution
from vm.counterexample.violation import Violation


def accesses_behind(run: Execution) -> tuple[list[tuple[Execution, Violation]], bool]:
    """(an execution up to each access through the pointer that was made, whether these are all)."""
    return [], False


__all__: Final = ["accesses_behind"]
