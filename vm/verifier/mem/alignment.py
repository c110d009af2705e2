"""Alignment of accesses: checked for the stack, elsewhere only if required (check_ptr_alignment)."""

from __future__ import annotations

from typing import Final

from vm.verifier.domain.tnum import tnum_add, tnum_const, tnum_is_aligned
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import tnum_text
from vm.verifier.report import need
from vm.verifier.rules.memory import MISALIGNED_ACCESS, MISALIGNED_PACKET_ACCESS
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

# With NET_IP_ALIGN, the data after an Ethernet header of 14 bytes is aligned to four bytes.
NET_IP_ALIGN: Final = 2

_DESCRIPTIONS: Final = {
    t.PTR_TO_FLOW_KEYS: "flow keys ",
    t.PTR_TO_MAP_KEY: "key ",
    t.PTR_TO_MAP_VALUE: "value ",
    t.PTR_TO_CTX: "context ",
    t.PTR_TO_STACK: "stack ",
    t.PTR_TO_SOCKET: "sock ",
    t.PTR_TO_SOCK_COMMON: "sock_common ",
    t.PTR_TO_TCP_SOCK: "tcp_sock ",
    t.PTR_TO_XDP_SOCK: "xdp_sock ",
}


def check_ptr_alignment(
    env: VerifierEnv, reg: RegState, off: int, size: int, strict_alignment_once: bool, regno: int
) -> None:
    """Rejects an access of `size` bytes at reg + off that is not aligned to its size, if alignment is required."""
    strict = env.strict_alignment or strict_alignment_once or reg.type == t.PTR_TO_STACK
    if not strict or size == 1 or reg.type == t.PTR_TO_ARENA:
        return
    packet = reg.type in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META)
    ip_align = NET_IP_ALIGN if packet else 0
    if tnum_is_aligned(tnum_add(reg.scalar.var_off, tnum_const(ip_align + reg.off + off)), size):
        return
    fixed = ip_align + reg.off + off
    needed = need.aligned(size, fixed + reg.scalar.smin, fixed + reg.scalar.smax)
    if packet:
        env.reject(
            MISALIGNED_PACKET_ACCESS, regno, needed=needed, align=ip_align, var_off=tnum_text(reg), reg_off=reg.off,
            off=off, size=size,
        )  # fmt: skip
    env.reject(
        MISALIGNED_ACCESS, regno, needed=needed, memory=_DESCRIPTIONS.get(reg.type, ""), var_off=tnum_text(reg),
        reg_off=reg.off, off=off, size=size,
    )  # fmt: skip
