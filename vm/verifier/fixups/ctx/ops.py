"""Which structure a program type's context is (the bpf_verifier_ops of each), and what runs before the program."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.kernel.types import SK_DROP
from vm.namedtuples import NamedTuple
from vm.verifier.fixups.build import EXIT, R0, R1, R2, R6, alu32_imm, alu64_reg, call, jmp_imm, ldx, mov64_reg
from vm.verifier.fixups.ctx import other, skb, sock, xdp
from vm.verifier.fixups.ctx.recipe import Table, offset
from vm.verifier.state import reg_types as types

CLONED_MASK: Final = 1
TC_ACT_SHOT: Final = 2


class CtxOps(NamedTuple):
    """table -- conversion of context accesses, None where the context is what it looks like;
    drop -- what a program that writes packets directly returns when its skb cannot be made private (None: no prologue).
    """

    table: Table | None = None
    drop: int | None = None


# By enum bpf_prog_type; the contexts of other types need no conversion.
BY_PROG_TYPE: Final = {
    1: CtxOps(skb.SKB),  # SOCKET_FILTER
    3: CtxOps(skb.TC, TC_ACT_SHOT),  # SCHED_CLS
    4: CtxOps(skb.TC, TC_ACT_SHOT),  # SCHED_ACT
    6: CtxOps(xdp.XDP),  # XDP
    7: CtxOps(other.PERF_EVENT),  # PERF_EVENT
    8: CtxOps(skb.SKB),  # CGROUP_SKB
    9: CtxOps(sock.SOCK),  # CGROUP_SOCK
    10: CtxOps(skb.SKB),  # LWT_IN
    11: CtxOps(skb.SKB),  # LWT_OUT
    12: CtxOps(skb.SKB, TC_ACT_SHOT),  # LWT_XMIT
    13: CtxOps(sock.SOCK_OPS),  # SOCK_OPS
    14: CtxOps(skb.SK_SKB, SK_DROP),  # SK_SKB
    16: CtxOps(sock.SK_MSG),  # SK_MSG
    18: CtxOps(sock.SOCK_ADDR),  # CGROUP_SOCK_ADDR
    19: CtxOps(skb.SKB),  # LWT_SEG6LOCAL
    21: CtxOps(sock.SK_REUSEPORT),  # SK_REUSEPORT
    22: CtxOps(skb.FLOW_DISSECTOR),  # FLOW_DISSECTOR
    23: CtxOps(other.SYSCTL),  # CGROUP_SYSCTL
    25: CtxOps(other.SOCKOPT),  # CGROUP_SOCKOPT
    30: CtxOps(sock.SK_LOOKUP),  # SK_LOOKUP
}
PLAIN: Final = CtxOps()

# Typed pointers whose fields are converted whatever the program.
BY_POINTER: Final[dict[int, Table]] = {
    types.PTR_TO_SOCKET: sock.SOCK,
    types.PTR_TO_SOCK_COMMON: sock.SOCK,
    types.PTR_TO_TCP_SOCK: sock.TCP_SOCK,
    types.PTR_TO_XDP_SOCK: xdp.XDP_SOCK,
}


def unclone_prologue(drop: int) -> list[Insn]:
    """bpf_unclone_prologue(): a cloned skb is made private, or the program returns `drop` at once."""
    return [
        ldx(bpf.B, R6, R1, offset("sk_buff.__cloned_offset")),
        alu32_imm(bpf.AND, R6, CLONED_MASK),
        jmp_imm(bpf.JEQ, R6, 0, 7),
        mov64_reg(R6, R1),
        alu64_reg(bpf.XOR, R2, R2),
        call(func_ids.SKB_PULL_DATA),
        jmp_imm(bpf.JEQ, R0, 0, 2),
        alu32_imm(bpf.MOV, R0, drop),
        EXIT,
        mov64_reg(R1, R6),
    ]
