"""What holds a job: limits, Landlock, seccomp, bubblewrap, and a launcher that applies and supervises them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.sandbox.confine import Confinement, confine_self, python_paths
from vm.sandbox.layers import Limits

if TYPE_CHECKING:
    from vm.sandbox.check import Row

__all__ = ["Confinement", "Limits", "confine_self", "measure", "python_paths"]


def measure(*, compiler: bool = True) -> list[Row]:
    """See `vm.sandbox.check.measure` (imported when called: it needs the compiler)."""
    from vm.sandbox.check import measure as run

    return run(compiler=compiler)
