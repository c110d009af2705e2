"""Sets of registers and stack slots as the log spells them (fmt_reg_mask(), fmt_stack_mask())."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def reg_mask_text(mask: int) -> str:
    """fmt_reg_mask(): "r0,r2"."""
    return ",".join(f"r{i}" for i in range(16) if mask >> i & 1)


@lru_cache(maxsize=4096)
def stack_mask_text(mask: int) -> str:
    """fmt_stack_mask(): "-8,-24"."""
    return ",".join(str(-(i + 1) * 8) for i in range(64) if mask >> i & 1)
