"""What is where in memory of a run: registers, headroom, and the structures' generated offsets (vm.runner.offsets)."""

from __future__ import annotations

from typing import Final

from vm.runner.offsets import OFFSETS, SIZES

__all__ = ["OFFSETS", "SIZES"]

# struct pt_regs in order, eight bytes each; registers' names without their r/e prefix, as in the kernel.
PT_REGS: Final = (
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax",
    "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss",
)  # fmt: skip

NET_SKB_PAD: Final = 64
XDP_PACKET_HEADROOM: Final = 256
ETH_HLEN: Final = 14


def round8(size: int) -> int:
    """As the kernel's round_up(size, 8)."""
    return (size + 7) & -8
