"""Pointers that may be null, and the effect of comparing them with NULL."""

from __future__ import annotations

from typing import Final

from vm.kernel import types as k
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import BPF_MAX_VAR_OFF
from vm.verifier.prepass.record import BPF_SPIN_LOCK, BPF_TIMER, BPF_WORKQUEUE, NO_RECORD, map_record, struct_metas
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.vstate import VerifierState

_TRUSTED_MODIFIERS: Final = t.MEM_ALLOC | t.PTR_TRUSTED | t.NON_OWN_REF
_NEVER_NULL: Final = frozenset(
    {
        t.PTR_TO_SOCKET,
        t.PTR_TO_TCP_SOCK,
        t.PTR_TO_XDP_SOCK,
        t.PTR_TO_BUF,
        t.PTR_TO_MAP_VALUE,
        t.PTR_TO_MAP_KEY,
        t.PTR_TO_SOCK_COMMON,
        t.PTR_TO_MEM,
        t.CONST_PTR_TO_MAP,
    }
)


def _is_trusted_btf_ptr(reg: RegState) -> bool:
    """is_trusted_reg() of a PTR_TO_BTF_ID."""
    if reg.ref_obj_id:
        return True
    flags = t.type_flag(reg.type)
    return flags & _TRUSTED_MODIFIERS != 0 and flags & ~_TRUSTED_MODIFIERS == 0


def reg_not_null(reg: RegState) -> bool:
    """reg_not_null(): whether a pointer is never zero."""
    if reg.type & t.PTR_MAYBE_NULL:
        return False
    if reg.scalar.smin <= -BPF_MAX_VAR_OFF or reg.scalar.smax >= BPF_MAX_VAR_OFF:
        return False
    base = reg.type & t.BPF_BASE_TYPE_MASK
    if base == t.PTR_TO_BTF_ID:
        return _is_trusted_btf_ptr(reg)
    return base in _NEVER_NULL


def not_null(env: VerifierEnv, reg: RegState) -> RegState:
    """mark_ptr_not_null_reg(): the value of the register if it is not null."""
    r = reg.clone()
    if reg.type & t.BPF_BASE_TYPE_MASK != t.PTR_TO_MAP_VALUE:
        r.type = reg.type & ~t.PTR_MAYBE_NULL
        return r
    spec = env.program.maps[reg.map_ptr]
    if spec.inner is not None and not reg.inner_map:
        r.type = t.CONST_PTR_TO_MAP
        r.inner_map = True
        # The id belongs to one lookup: it distinguishes inner maps that have the same template, where that matters.
        record = map_record(env.program, spec.inner)
        if record.has(BPF_TIMER) or record.has(BPF_WORKQUEUE):
            r.map_uid = reg.id
    elif spec.map_type == k.BPF_MAP_TYPE_XSKMAP:
        r.type = t.PTR_TO_XDP_SOCK
    elif spec.map_type in (k.BPF_MAP_TYPE_SOCKMAP, k.BPF_MAP_TYPE_SOCKHASH):
        r.type = t.PTR_TO_SOCKET
    else:
        r.type = t.PTR_TO_MAP_VALUE
    return r


def _may_point_to_spin_lock(env: VerifierEnv, reg: RegState) -> bool:
    if reg.type == t.PTR_TO_MAP_VALUE:
        spec = env.program.maps[reg.map_ptr]
        if reg.inner_map and spec.inner is not None:
            spec = spec.inner
        return map_record(env.program, spec).has(BPF_SPIN_LOCK)
    if t.base_type(reg.type) == t.PTR_TO_BTF_ID and reg.type & t.MEM_ALLOC and reg.btf is not None:
        return (struct_metas(reg.btf) or {}).get(reg.btf_id, NO_RECORD).has(BPF_SPIN_LOCK)
    return False


def _decided(env: VerifierEnv, reg: RegState, is_null: bool) -> RegState:
    """mark_ptr_or_null_reg() of a register with the compared id."""
    s = reg.scalar
    if s.smin or s.smax or s.var_off.value or s.var_off.mask:
        return reg
    alloc = t.base_type(reg.type) == t.PTR_TO_BTF_ID and reg.type & t.MEM_ALLOC
    if reg.off and not alloc and not t.type_is_non_owning_ref(reg.type):
        return reg
    if is_null:
        r = reg.clone()
        r.type = t.SCALAR_VALUE
        r.precise = r.precise or not env.bpf_capable
        r.id = 0
        r.ref_obj_id = 0
        return r
    r = not_null(env, reg)
    if not _may_point_to_spin_lock(env, r):
        r.id = 0
    return r


def _forget_reference(frame: FuncState, ref_id: int) -> None:
    """release_reference_state(): removes a reference; the last one moves to its place."""
    refs = list(frame.refs)
    for i, ref in enumerate(refs):
        if ref.id == ref_id:
            refs[i] = refs[-1]
            frame.refs = tuple(refs[:-1])
            return


def mark_ptr_or_null_regs(env: VerifierEnv, state: VerifierState, regno: int, is_null: bool) -> None:
    """mark_ptr_or_null_regs(): all copies of pointer `regno` of the current frame become null, or not null."""
    reg = state.frame[-1].regs[regno]
    reg_id = reg.id
    if is_null and reg.ref_obj_id and reg.ref_obj_id == reg_id:
        # The call did not acquire a reference.
        _forget_reference(state.frame[-1], reg_id)
    for frame in state.frame:
        for i, r in enumerate(frame.regs):
            if r.type & t.PTR_MAYBE_NULL and r.id == reg_id and (reg_id or r.type & t.MEM_RCU):
                frame.regs[i] = _decided(env, r, is_null)
        for i, slot in enumerate(frame.stack):
            r = slot.spilled_ptr
            if r.type & t.PTR_MAYBE_NULL and r.id == reg_id and (reg_id or r.type & t.MEM_RCU) and slot.is_spill():
                frame.stack[i] = StackSlot(slot.slot_type, _decided(env, r, is_null))
