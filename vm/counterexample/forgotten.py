"""Where the verifier came to know less of a number than follows from the path."""

from __future__ import annotations

from vm.counterexample.execute import Execution
from vm.counterexample.violation import Violation


def forgotten(run: Execution, found: Violation, deadline: float) -> str:
    return ""
