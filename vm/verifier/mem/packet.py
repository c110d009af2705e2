"""Direct packet access (check_packet_access, may_access_direct_pkt_data)."""

from __future__ import annotations

from typing import Final

from vm.kernel import types as k
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import BPF_WRITE, check_bounds
from vm.verifier.report import need
from vm.verifier.rules.memory import OFFSET_MAY_BE_NEGATIVE, PACKET_ACCESS_BEYOND_END, PACKET_ACCESS_OUT_OF_RANGE

_READ_ONLY: Final = frozenset(
    {
        k.BPF_PROG_TYPE_LWT_IN, k.BPF_PROG_TYPE_LWT_OUT, k.BPF_PROG_TYPE_LWT_SEG6LOCAL, k.BPF_PROG_TYPE_SK_REUSEPORT,
        k.BPF_PROG_TYPE_FLOW_DISSECTOR, k.BPF_PROG_TYPE_CGROUP_SKB,
    }
)  # fmt: skip
_READ_WRITE: Final = frozenset(
    {
        k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT, k.BPF_PROG_TYPE_XDP, k.BPF_PROG_TYPE_LWT_XMIT,
        k.BPF_PROG_TYPE_SK_SKB, k.BPF_PROG_TYPE_SK_MSG,
    }
)  # fmt: skip


def may_access_direct_pkt_data(env: VerifierEnv, access: int, helper_pkt_access: bool | None = None) -> bool:
    """Whether the program may access the packet; for a helper's argument, whether the helper may (pkt_access)."""
    prog_type = env.program.prog_type
    if prog_type == k.BPF_PROG_TYPE_CGROUP_SOCKOPT:
        if access == BPF_WRITE:
            env.seen_direct_write = True
        return True
    if prog_type in _READ_ONLY:
        if access == BPF_WRITE:
            return False
    elif prog_type not in _READ_WRITE:
        return False
    if helper_pkt_access is not None:
        return helper_pkt_access
    env.seen_direct_write = True
    return True


def check_packet_access(env: VerifierEnv, regno: int, off: int, size: int, zero_size_allowed: bool) -> None:
    """check_packet_access(): [off, off + size) must be within the verified range. `off` is the fixed part."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.scalar.smin < 0:
        env.reject(OFFSET_MAY_BE_NEGATIVE, regno, needed=need.not_negative(reg.scalar.smin))
    if reg.range < 0:
        env.reject(PACKET_ACCESS_BEYOND_END, regno, needed=need.packet(regno, reg, off, size, env.program.prog_type))
    check_bounds(env, PACKET_ACCESS_OUT_OF_RANGE, regno, off, size, reg.range, zero_size_allowed)
