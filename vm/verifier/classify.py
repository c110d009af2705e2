"""What kind of instruction this is: questions every pass asks, answered from the instruction alone.

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

CALL_INSN: Final = JMP | CALL
EXIT_INSN: Final = JMP | EXIT
JA_INSN: Final = JMP | JA
JA32_INSN: Final = JMP32 | JA
JCOND_INSN: Final = JMP | JCOND

# Numbers of enum bpf_func_id this module and the passes before the walk ask about.
FUNC_GET_SMP_PROCESSOR_ID: Final = 8
FUNC_TAIL_CALL: Final = 12
FUNC_FOR_EACH_MAP_ELEM: Final = 164
FUNC_TIMER_SET_CALLBACK: Final = 170
FUNC_FIND_VMA: Final = 180
FUNC_LOOP: Final = 181
FUNC_USER_RINGBUF_DRAIN: Final = 209

# bpf_helper_changes_pkt_data(): what may move or shrink the packet, in the order of their numbers.
CHANGES_PKT_DATA_FUNCS: Final = frozenset(
    {
        9,  # skb_store_bytes
        10,  # l3_csum_replace
        11,  # l4_csum_replace
        FUNC_TAIL_CALL,  # the program called could call any of the others
        13,  # clone_redirect
        18,  # skb_vlan_push
        19,  # skb_vlan_pop
        31,  # skb_change_proto
        38,  # skb_change_tail
        39,  # skb_pull_data
        43,  # skb_change_head
        44,  # xdp_adjust_head
        50,  # skb_adjust_room
        54,  # xdp_adjust_meta
        63,  # msg_pull_data
        65,  # xdp_adjust_tail
        73,  # lwt_push_encap
        74,  # lwt_seg6_store_bytes
        75,  # lwt_seg6_adjust_srh
        76,  # lwt_seg6_action
        90,  # msg_push_data
        91,  # msg_pop_data
        143,  # store_hdr_opt
    }
)

SYNC_CALLBACK_FUNCS: Final = frozenset({FUNC_FOR_EACH_MAP_ELEM, FUNC_FIND_VMA, FUNC_LOOP, FUNC_USER_RINGBUF_DRAIN})
ASYNC_CALLBACK_FUNCS: Final = frozenset({FUNC_TIMER_SET_CALLBACK})


def is_helper_call(insn: Insn) -> bool:
    """Is it a call of a helper by number?"""
    return insn.code == CALL_INSN and insn.src_reg == 0


def is_pseudo_call(insn: Insn) -> bool:
    """Is it a call of another function of the same program?"""
    return insn.code == CALL_INSN and insn.src_reg == PSEUDO_CALL


def is_pseudo_kfunc_call(insn: Insn) -> bool:
    """Is it a call of a kernel function by BTF id?"""
    return insn.code == CALL_INSN and insn.src_reg == PSEUDO_KFUNC_CALL


def is_ldimm64(insn: Insn) -> bool:
    """Is it the first slot of a 64-bit immediate load?"""
    return insn.code == LD_IMM64


def is_pseudo_func(insn: Insn) -> bool:
    """Does it load the address of a function of the same program (a callback)?"""
    return insn.code == LD_IMM64 and insn.src_reg == PSEUDO_FUNC


def is_may_goto_insn(insn: Insn) -> bool:
    """Is it the bounded jump `may_goto`?"""
    return insn.code == JCOND_INSN and insn.src_reg == MAY_GOTO


def is_sync_callback_calling_function(func_id: int) -> bool:
    """Does this helper call a function of the program any number of times before it returns?"""
    return func_id in SYNC_CALLBACK_FUNCS


def is_async_callback_calling_function(func_id: int) -> bool:
    """Does this helper arrange for a function of the program to be called later?"""
    return func_id in ASYNC_CALLBACK_FUNCS


def helper_changes_pkt_data(func_id: int) -> bool:
    """May this helper move the packet, so that every pointer into it becomes invalid?"""
    return func_id in CHANGES_PKT_DATA_FUNCS


def is_callback_calling_function(func_id: int) -> bool:
    """Does this helper take a callback at all?"""
    return func_id in SYNC_CALLBACK_FUNCS or func_id in ASYNC_CALLBACK_FUNCS


def insn_size(insn: Insn) -> int:
    """Slots the instruction takes: two for a 64-bit immediate load."""
    return 2 if insn.code == LD_IMM64 else 1
