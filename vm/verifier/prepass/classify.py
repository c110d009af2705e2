"""Classification of single instructions, for all passes.

Names are those of kernel/bpf/verifier.c.
"""

from __future__ import annotations

from typing import Final

from vm.isa.insn import Insn
from vm.isa.opcodes import (
    CALL,
    EXIT,
    JA,
    JCOND,
    JMP,
    JMP32,
    LD_IMM64,
    MAY_GOTO,
    PSEUDO_CALL,
    PSEUDO_FUNC,
    PSEUDO_KFUNC_CALL,
)
from vm.kernel import func_ids as f

CALL_INSN: Final = JMP | CALL
EXIT_INSN: Final = JMP | EXIT
JA_INSN: Final = JMP | JA
JA32_INSN: Final = JMP32 | JA
JCOND_INSN: Final = JMP | JCOND

# bpf_helper_changes_pkt_data(): helpers that may move or shrink the packet, by number.
CHANGES_PKT_DATA_FUNCS: Final = frozenset(
    {
        f.SKB_STORE_BYTES,
        f.L3_CSUM_REPLACE,
        f.L4_CSUM_REPLACE,
        f.TAIL_CALL,  # the called program may call any of the others
        f.CLONE_REDIRECT,
        f.SKB_VLAN_PUSH,
        f.SKB_VLAN_POP,
        f.SKB_CHANGE_PROTO,
        f.SKB_CHANGE_TAIL,
        f.SKB_PULL_DATA,
        f.SKB_CHANGE_HEAD,
        f.XDP_ADJUST_HEAD,
        f.SKB_ADJUST_ROOM,
        f.XDP_ADJUST_META,
        f.MSG_PULL_DATA,
        f.XDP_ADJUST_TAIL,
        f.LWT_PUSH_ENCAP,
        f.LWT_SEG6_STORE_BYTES,
        f.LWT_SEG6_ADJUST_SRH,
        f.LWT_SEG6_ACTION,
        f.MSG_PUSH_DATA,
        f.MSG_POP_DATA,
        f.STORE_HDR_OPT,
    }
)

SYNC_CALLBACK_FUNCS: Final = frozenset({f.FOR_EACH_MAP_ELEM, f.FIND_VMA, f.LOOP, f.USER_RINGBUF_DRAIN})
ASYNC_CALLBACK_FUNCS: Final = frozenset({f.TIMER_SET_CALLBACK})


def is_helper_call(insn: Insn) -> bool:
    """Whether it is a call of a helper by number."""
    return insn.code == CALL_INSN and insn.src_reg == 0


def is_pseudo_call(insn: Insn) -> bool:
    """Whether it is a call of another function of the same program."""
    return insn.code == CALL_INSN and insn.src_reg == PSEUDO_CALL


def is_pseudo_kfunc_call(insn: Insn) -> bool:
    """Whether it is a call of a kernel function by BTF id."""
    return insn.code == CALL_INSN and insn.src_reg == PSEUDO_KFUNC_CALL


def is_ldimm64(insn: Insn) -> bool:
    """Whether it is the first slot of a 64-bit immediate load."""
    return insn.code == LD_IMM64


def is_pseudo_func(insn: Insn) -> bool:
    """Whether it loads the address of a function of the same program (a callback)."""
    return insn.code == LD_IMM64 and insn.src_reg == PSEUDO_FUNC


def is_may_goto_insn(insn: Insn) -> bool:
    """Whether it is the bounded jump `may_goto`."""
    return insn.code == JCOND_INSN and insn.src_reg == MAY_GOTO


def is_sync_callback_calling_function(func_id: int) -> bool:
    """Whether this helper calls a function of the program any number of times before it returns."""
    return func_id in SYNC_CALLBACK_FUNCS


def is_async_callback_calling_function(func_id: int) -> bool:
    """Whether this helper causes a function of the program to be called later."""
    return func_id in ASYNC_CALLBACK_FUNCS


def helper_changes_pkt_data(func_id: int) -> bool:
    """Whether this helper may move the packet, which invalidates all pointers to it."""
    return func_id in CHANGES_PKT_DATA_FUNCS


def is_callback_calling_function(func_id: int) -> bool:
    """Whether this helper takes a callback."""
    return func_id in SYNC_CALLBACK_FUNCS or func_id in ASYNC_CALLBACK_FUNCS


def insn_size(insn: Insn) -> int:
    """Slots the instruction takes: two for a 64-bit immediate load."""
    return 2 if insn.code == LD_IMM64 else 1
