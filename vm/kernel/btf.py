"""The types of the emulated kernel."""

from __future__ import annotations

from functools import cache

from vm.btf.types import Btf
from vm.kernel.facts import emulated


@cache
def kernel_btf() -> Btf:
    """Types of the kernel; they are parsed as they are asked for."""
    return emulated().btf
