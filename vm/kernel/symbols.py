"""Addresses of the emulated kernel's symbols and its options, as /proc/kallsyms and /boot/config tell them."""

from __future__ import annotations

from functools import cache

from vm.kernel.facts import emulated


def ksym_address(name: str) -> int | None:
    """Where a function or variable of the kernel is without address randomisation, or None."""
    return emulated().symbols.address(name)


def ksym_names(pattern: str) -> tuple[str, ...]:
    """Names of functions and variables that match a regular expression as a whole. Tens of milliseconds."""
    return emulated().symbols.matching(pattern)


def symbol_name(btf_id: int) -> str | None:
    """Name of the kernel variable or function with this BTF id, None if it is something else."""
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    btf = kernel_btf()
    found = btf.type(btf_id) if 0 < btf_id < len(btf) else None
    return found.name if found is not None and found.kind in (Kind.VAR, Kind.FUNC) else None


def kconfig(name: str) -> str | None:
    """The value of a CONFIG_ option as the config file spells it (y, m, a number, "text"), or None if not set."""
    return emulated().config.get(name)


@cache
def linux_version_code() -> int:
    """LINUX_VERSION_CODE of the kernel that is emulated."""
    return emulated().version_code
