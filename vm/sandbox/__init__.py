"""What holds a job: limits, Landlock, seccomp, bubblewrap, and a launcher that applies and supervises them."""

from __future__ import annotations

from vm.sandbox.confine import Confinement, confine_self, python_paths
from vm.sandbox.layers import Limits

__all__ = ["Confinement", "Limits", "confine_self", "python_paths"]
