"""Compares a checkpoint with the current state (states_equal())."""

from __future__ import annotations

from typing import Final

from vm.isa.opcodes import MAX_BPF_REG
from vm.kernel.types import EXACT, NOT_EXACT, RANGE_WITHIN
from vm.verifier.domain.scalar import Scalar, same
from vm.verifier.domain.tnum import tnum_in
from vm.verifier.env import VerifierEnv
from vm.verifier.journal import (
    WHY_CALLBACK_DEPTH,
    WHY_CALLSITE,
    WHY_FRAMES,
    WHY_LOCK,
    WHY_PREEMPT,
    WHY_RCU,
    WHY_REFS,
    WHY_SLEEPABLE,
    WHY_SPECULATIVE,
)
from vm.verifier.prune.explored import IdMap, regs_exact, same_head
from vm.verifier.state.frame import ALL_INVALID, FuncState, StackSlot
from vm.verifier.state.reg import RegState, unknown_scalar
from vm.verifier.state.reg_types import (
    BPF_ADD_CONST,
    BPF_BASE_TYPE_MASK,
    NOT_INIT,
    PTR_TO_ARENA,
    PTR_TO_BUF,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_STACK,
    PTR_TO_TP_BUFFER,
    REG_LIVE_READ,
    SCALAR_VALUE,
    STACK_DYNPTR,
    STACK_INVALID,
    STACK_ITER,
    STACK_MISC,
    STACK_SPILL,
    STACK_ZERO,
)
from vm.verifier.state.vstate import VerifierState

# For importing modules.
__all__ = ["EXACT", "NOT_EXACT", "RANGE_WITHIN"]

# enum exact_level

_RANGED: Final = frozenset({PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, PTR_TO_MEM, PTR_TO_BUF, PTR_TO_TP_BUFFER})
_UNBOUND_REG: Final = unknown_scalar()


def states_equal(env: VerifierEnv, old: VerifierState, cur: VerifierState, exact: int) -> bool:
    """Whether the checkpoint `old` covers `cur`.

    exact -- NOT_EXACT: compares only values that the continuation of `old` read and relied on; RANGE_WITHIN: compares
    ranges of all values; EXACT: all values must be equal.
    """
    if len(old.frame) != len(cur.frame):
        return _differs(env, WHY_FRAMES)
    if old.speculative and not cur.speculative:
        return _differs(env, WHY_SPECULATIVE)
    if old.active_lock.ptr != cur.active_lock.ptr or (old.active_lock.id != 0) != (cur.active_lock.id != 0):
        return _differs(env, WHY_LOCK)
    idmap = IdMap(env.id_gen)
    if old.active_lock.id and not idmap.check_ids(old.active_lock.id, cur.active_lock.id):
        return _differs(env, WHY_LOCK)
    if old.active_rcu_lock != cur.active_rcu_lock:
        return _differs(env, WHY_RCU)
    if old.active_preempt_lock != cur.active_preempt_lock:
        return _differs(env, WHY_PREEMPT)
    if old.in_sleepable != cur.in_sleepable:
        return _differs(env, WHY_SLEEPABLE)
    for i in range(len(old.frame)):
        fold = old.frame[i]
        fcur = cur.frame[i]
        if fold.callsite != fcur.callsite:
            return _differs(env, WHY_CALLSITE)
        if not _func_states_equal(env, fold, fcur, idmap, exact):
            return False
    return True


def _differs(env: VerifierEnv, why: int) -> bool:
    """Records why the states differ; returns False."""
    if env.journal is not None:
        env.journal.differs(why)
    return False


def _func_states_equal(env: VerifierEnv, old: FuncState, cur: FuncState, idmap: IdMap, exact: int) -> bool:
    if old.callback_depth > cur.callback_depth:
        return _differs(env, WHY_CALLBACK_DEPTH)
    marks = old.live.marks
    old_regs = old.regs
    cur_regs = cur.regs
    for i in range(MAX_BPF_REG):
        # Registers that the old state did not use are skipped here: most registers of most comparisons.
        if exact == NOT_EXACT and not marks[i] & REG_LIVE_READ:
            continue
        if not regsafe(env, old_regs[i], cur_regs[i], idmap, exact):
            if env.journal is not None:
                env.journal.differs_in(old.frameno, i, old_regs[i], cur_regs[i])
            return False
    if not _stacksafe(env, old, cur, idmap, exact):
        return False
    return _refsafe(old, cur, idmap) or _differs(env, WHY_REFS)


def _range_within(old: Scalar, cur: Scalar) -> bool:
    return old is cur or (
        old.umin <= cur.umin
        and old.umax >= cur.umax
        and old.smin <= cur.smin
        and old.smax >= cur.smax
        and old.u32_min <= cur.u32_min
        and old.u32_max >= cur.u32_max
        and old.s32_min <= cur.s32_min
        and old.s32_max >= cur.s32_max
        and tnum_in(old.var_off, cur.var_off)
    )


def _check_scalar_ids(old_id: int, cur_id: int, idmap: IdMap) -> bool:
    """check_scalar_ids(): linked registers must be linked in both states in the same way."""
    if not old_id:
        return True
    if not cur_id:
        idmap.tmp_id_gen += 1
        cur_id = idmap.tmp_id_gen
    if not idmap.check_ids(old_id, cur_id):
        return False
    if old_id & BPF_ADD_CONST:
        return idmap.check_ids(old_id & ~BPF_ADD_CONST, cur_id & ~BPF_ADD_CONST)
    return True


def regsafe(env: VerifierEnv, old: RegState, cur: RegState, idmap: IdMap, exact: int) -> bool:
    """regsafe() for a register that the old state read (with NOT_EXACT the caller skips others)."""
    if exact == EXACT:
        return regs_exact(old, cur, idmap)
    if old.type == NOT_INIT and (exact == NOT_EXACT or cur.type == NOT_INIT):
        return True
    if old.type != cur.type:
        return False
    if old.type == SCALAR_VALUE:
        return _scalar_safe(env, old, cur, idmap, exact)
    base = old.type & BPF_BASE_TYPE_MASK
    if base in _RANGED:
        return (
            same_head(old, cur)
            and _range_within(old.scalar, cur.scalar)
            and idmap.check_ids(old.id, cur.id)
            and idmap.check_ids(old.ref_obj_id, cur.ref_obj_id)
        )
    if base in (PTR_TO_PACKET, PTR_TO_PACKET_META):
        # The readable range must be at least as large.
        if old.range < 0 or cur.range < 0:
            if old.range != cur.range:
                return False
        elif old.range > cur.range:
            return False
        return old.off == cur.off and idmap.check_ids(old.id, cur.id) and _range_within(old.scalar, cur.scalar)
    if base == PTR_TO_STACK:
        return regs_exact(old, cur, idmap) and old.frameno == cur.frameno
    if base == PTR_TO_ARENA:
        return True
    return regs_exact(old, cur, idmap)


def _scalar_safe(env: VerifierEnv, old: RegState, cur: RegState, idmap: IdMap, exact: int) -> bool:
    if env.explore_alu_limits:
        return same_head(old, cur) and same(old.scalar, cur.scalar) and _check_scalar_ids(old.id, cur.id, idmap)
    if not old.precise and exact == NOT_EXACT:
        return True
    if old.id:
        # Linked with an offset and linked directly are different.
        if (old.id ^ cur.id) & BPF_ADD_CONST:
            return False
        if old.id & BPF_ADD_CONST and old.off != cur.off:
            return False
        if not _check_scalar_ids(old.id, cur.id, idmap):
            return False
    return _range_within(old.scalar, cur.scalar)


def _scalar_reg_for_stack(env: VerifierEnv, slot: StackSlot) -> RegState | None:
    """The scalar in a slot: a spilled one, or an unknown one if all bytes are misc."""
    if slot.slot_type[0] == STACK_SPILL and slot.spilled_ptr.type == SCALAR_VALUE:
        return slot.spilled_ptr
    for kind in slot.slot_type:
        if kind != STACK_MISC and not (kind == STACK_INVALID and env.allow_uninit_stack):
            return None
    return _UNBOUND_REG


def _stacksafe(env: VerifierEnv, old: FuncState, cur: FuncState, idmap: IdMap, exact: int) -> bool:
    marks = old.live.marks
    old_stack = old.stack
    cur_stack = cur.stack
    for spi in range(len(old_stack)):
        if exact == NOT_EXACT and not marks[MAX_BPF_REG + spi] & REG_LIVE_READ:
            continue
        slot = old_stack[spi]
        here = cur_stack[spi] if spi < len(cur_stack) else None
        if (here is None and exact != NOT_EXACT) or not _slot_safe(env, slot, here, idmap, exact):
            if env.journal is not None:
                env.journal.differs_in(old.frameno, MAX_BPF_REG + spi, slot, here)
            return False
    return True


def _slot_safe(env: VerifierEnv, old: StackSlot, cur: StackSlot | None, idmap: IdMap, exact: int) -> bool:
    """One slot, byte by byte in the kernel's order."""
    old_types = old.slot_type
    cur_types = cur.slot_type if cur is not None else ALL_INVALID
    asked = False
    for j in range(8):
        kind = old_types[j]
        if exact != NOT_EXACT and kind != cur_types[j]:
            return False
        if kind == STACK_INVALID or (kind == STACK_MISC and env.allow_uninit_stack):
            continue
        if cur is None:
            return False
        if not asked:
            asked = True
            old_reg = _scalar_reg_for_stack(env, old)
            cur_reg = _scalar_reg_for_stack(env, cur) if old_reg is not None else None
            if old_reg is not None and cur_reg is not None:
                return regsafe(env, old_reg, cur_reg, idmap, exact)
        if kind == STACK_MISC and cur_types[j] == STACK_ZERO:
            continue
        if kind != cur_types[j]:
            return False
        if j == 7 and not _same_contents(env, kind, old.spilled_ptr, cur.spilled_ptr, idmap, exact):
            return False
    return True


def _same_contents(env: VerifierEnv, kind: int, old: RegState, cur: RegState, idmap: IdMap, exact: int) -> bool:
    if kind == STACK_SPILL:
        return regsafe(env, old, cur, idmap, exact)
    if kind == STACK_DYNPTR:
        return (
            old.dynptr_type == cur.dynptr_type
            and old.first_slot == cur.first_slot
            and idmap.check_ids(old.ref_obj_id, cur.ref_obj_id)
        )
    if kind == STACK_ITER:
        # The depth differs at each round and means nothing for safety.
        return (
            old.type == cur.type
            and old.btf is cur.btf
            and old.btf_id == cur.btf_id
            and old.iter_state == cur.iter_state
            and idmap.check_ids(old.ref_obj_id, cur.ref_obj_id)
        )
    return True


def _refsafe(old: FuncState, cur: FuncState, idmap: IdMap) -> bool:
    if len(old.refs) != len(cur.refs):
        return False
    if not old.refs:
        return True
    return all(idmap.check_ids(a.id, b.id) for a, b in zip(old.refs, cur.refs, strict=True))
