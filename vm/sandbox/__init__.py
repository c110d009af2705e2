"""What holds a job: limits, Landlock, seccomp, bubblewrap, and a launcher that applies and supervises them.

confine_self(...)  -- a Python worker confines itself
Launcher           -- runs other commands confined (vm.sandbox.launcher)
measure()          -- which layers hold here, found by trying; vm.compile.measure() tries the compiler too
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.sandbox.confine import Confinement, confine_self, python_paths
from vm.sandbox.layers import Limits

if TYPE_CHECKING:
    from vm.sandbox.check import Canaries, Row

__all__ = ["Confinement", "Limits", "confine_self", "measure", "python_paths"]


def measure(canaries: Canaries | None = None) -> list[Row]:
    """See `vm.sandbox.check.measure` (imported when called)."""
    from vm.sandbox.check import measure as run

    return run(canaries)
