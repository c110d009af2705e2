"""Comparisons of packet pointers: the readable part of the packet on each branch."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.types import AT_PKT_END, BEYOND_PKT_END
from vm.verifier.domain.branch import FLIP
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import (
    MAX_PACKET_OFF,
    PTR_TO_PACKET,
    PTR_TO_PACKET_END,
    PTR_TO_PACKET_META,
    type_is_pkt_pointer,
)
from vm.verifier.state.vstate import VerifierState

# `packet op end`: is the range known on the fall-through side, does it lack the last byte; and the same of the
# knowledge on the other side that the pointer is past the end.
_LEARN: Final = {
    o.JGT: (True, False, True),
    o.JLT: (False, True, False),
    o.JGE: (True, True, False),
    o.JLE: (False, False, True),
}


def is_pkt_pointer_any(reg: RegState) -> bool:
    """A pointer into a packet, its metadata, or to its end."""
    return reg.type == PTR_TO_PACKET_END or type_is_pkt_pointer(reg.type)


def is_pkt_ptr_branch_taken(dst: RegState, src: RegState, op: int) -> int:
    """is_pkt_ptr_branch_taken(): 1, 0, or -1 for unknown, from an earlier comparison with the end."""
    if src.type == PTR_TO_PACKET_END:
        pkt = dst
    elif dst.type == PTR_TO_PACKET_END:
        pkt = src
        op = FLIP.get(op, 0)
    else:
        return -1
    if pkt.range >= 0:
        return -1
    if op in (o.JLE, o.JGT):
        if pkt.range == BEYOND_PKT_END:
            return 1 if op == o.JGT else 0
    elif op in (o.JLT, o.JGE):
        return 1 if op == o.JGE else 0
    return -1


def _is_init(reg: RegState) -> bool:
    """The packet pointer as the context gave it."""
    var_off = reg.scalar.var_off
    return reg.type == PTR_TO_PACKET and not reg.id and not reg.off and not (var_off.value | var_off.mask)


def _comparable(pkt: RegState, end: RegState) -> bool:
    return (pkt.type == PTR_TO_PACKET and end.type == PTR_TO_PACKET_END) or (
        pkt.type == PTR_TO_PACKET_META and _is_init(end)
    )


def try_match_pkt_pointers(
    insn: Insn, dst: RegState, src: RegState, this_branch: VerifierState, other_branch: VerifierState
) -> bool:
    """Apply the result of `dst op src`; False: it is no comparison of a packet pointer with its end.

    this_branch is the fall-through, other_branch the jump taken.
    """
    if not insn.code & 0x08 or insn.code & 0x07 == o.JMP32:
        return False
    op = insn.code & 0xF0
    if op not in _LEARN:
        return False
    if _comparable(dst, src):
        pkt, regno = dst, insn.dst_reg
    elif _comparable(src, dst):
        pkt, regno = src, insn.src_reg
        op = FLIP[op]
    else:
        return False
    on_fall_through, open_range, beyond = _LEARN[op]
    good, bad = (this_branch, other_branch) if on_fall_through else (other_branch, this_branch)
    _find_good_pkt_pointers(good, pkt, open_range)
    _mark_pkt_end(bad, regno, beyond)
    return True


def _with_range(reg: RegState, new_range: int) -> RegState:
    r = reg.clone()
    r.range = new_range
    return r


def _find_good_pkt_pointers(state: VerifierState, pkt: RegState, range_right_open: bool) -> None:
    """find_good_pkt_pointers(): all pointers with the same base as `pkt` may be read up to `pkt`."""
    if pkt.off < 0 or (pkt.off == 0 and range_right_open):
        return
    if pkt.scalar.umax > MAX_PACKET_OFF or pkt.scalar.umax + pkt.off > MAX_PACKET_OFF:
        return
    new_range = pkt.off + 1 if range_right_open else pkt.off
    for frame in state.frame:
        for i, reg in enumerate(frame.regs):
            if reg.type == pkt.type and reg.id == pkt.id and reg.range < new_range:
                frame.regs[i] = _with_range(reg, new_range)
        for i, slot in enumerate(frame.stack):
            reg = slot.spilled_ptr
            if slot.is_spill() and reg.type == pkt.type and reg.id == pkt.id and reg.range < new_range:
                frame.stack[i] = StackSlot(slot.slot_type, _with_range(reg, new_range))


def _mark_pkt_end(state: VerifierState, regno: int, beyond: bool) -> None:
    """mark_pkt_end(): this pointer is at or past the end here."""
    regs = state.frame[-1].regs
    if regs[regno].type == PTR_TO_PACKET:
        regs[regno] = _with_range(regs[regno], BEYOND_PKT_END if beyond else AT_PKT_END)
