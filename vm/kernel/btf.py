"""The types of the emulated kernel."""

from __future__ import annotations

from functools import cache

from vm.btf.types import Btf
from vm.kernel.facts import emulated


@cache
def kernel_btf() -> Btf:
    """Types of the kernel; they are parsed as they are asked for."""
    return emulated().btf


def is_kernel_type(name: str) -> bool:
    """Whether the kernel has a structure or union of this name."""
    from vm.btf.types import Kind

    return kernel_btf().find(name, Kind.STRUCT, Kind.UNION) is not None
