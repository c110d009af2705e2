"""Open-coded iterators: slots on the stack that a kernel function constructs, advances and destroys."""

from __future__ import annotations

from vm.btf.types import Btf, Kind
from vm.isa import opcodes as op
from vm.kernel import kfuncs
from vm.verifier.call.refs import acquire_reference_state, release_reference
from vm.verifier.env import EFAULT, EINVAL, EPROTO, ERANGE, VerifierEnv
from vm.verifier.explored import find_prev_entry, widen_imprecise_scalars
from vm.verifier.kfunc_meta import KfuncMeta
from vm.verifier.liveness import mark_stack_slot_read
from vm.verifier.mem.access import check_mem_access
from vm.verifier.mem.btf_ptr import in_rcu_cs
from vm.verifier.mem.common import BPF_WRITE
from vm.verifier.mem.dynptr_slots import stack_slot_obj_get_spi
from vm.verifier.mem.nullness import not_null
from vm.verifier.mem.slots import ALL_ITER
from vm.verifier.report.state_text import iter_type_str
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import ALL_INVALID, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState, known_scalar, pointer
from vm.verifier.state.vstate import VerifierState

_PREFIX = "bpf_iter_"


def _iter_type(meta: KfuncMeta, argno: int) -> int:
    """BTF id of the iterator's struct, -1 if the argument is none (btf_check_iter_arg)."""
    ptr = meta.btf.skip_modifiers(meta.proto.params[argno].type_id)
    if ptr.kind is not Kind.PTR:
        return -1
    found = meta.btf.skip_modifiers(ptr.type_id)
    return found.id if found.kind is Kind.STRUCT and found.name.startswith(_PREFIX) else -1


def _get_spi(env: VerifierEnv, reg: RegState, nr_slots: int) -> int:
    return stack_slot_obj_get_spi(env, reg, "iter", nr_slots)


def _is_valid_uninit(env: VerifierEnv, reg: RegState, nr_slots: int) -> bool:
    spi = _get_spi(env, reg, nr_slots)
    if spi < 0:
        return spi == -ERANGE
    stack = env.func(reg).stack
    return not any(x == t.STACK_ITER for i in range(nr_slots) for x in stack[spi - i].slot_type)


def _init_error(env: VerifierEnv, reg: RegState, btf: Btf, btf_id: int, nr_slots: int) -> int:
    """is_iter_reg_valid_init(): 0, EINVAL, or EPROTO where it needs an RCU section it no longer has."""
    spi = _get_spi(env, reg, nr_slots)
    if spi < 0:
        return EINVAL
    stack = env.func(reg).stack
    for i in range(nr_slots):
        slot = stack[spi - i]
        st = slot.spilled_ptr
        if st.type & t.PTR_UNTRUSTED:
            return EPROTO
        if bool(st.ref_obj_id) != (i == 0) or st.btf is not btf or st.btf_id != btf_id:
            return EINVAL
        if slot.slot_type != ALL_ITER:
            return EINVAL
    return 0


def _construct(env: VerifierEnv, meta: KfuncMeta, regno: int, insn_idx: int, btf_id: int, nr_slots: int) -> None:
    for i in range(0, nr_slots * 8, 8):
        check_mem_access(env, insn_idx, regno, i, op.DW, BPF_WRITE, -1)
    reg = env.cur_state.frame[-1].regs[regno]
    state = env.func(reg)
    spi = _get_spi(env, reg, nr_slots)
    if spi < 0:
        env.reject(-spi, "")
    ref_id = acquire_reference_state(env, insn_idx)
    for i in range(nr_slots):
        st = pointer(t.PTR_TO_STACK)
        if meta.has(kfuncs.KF_RCU_PROTECTED):
            st.type |= t.MEM_RCU if in_rcu_cs(env) else t.PTR_UNTRUSTED
        st.ref_obj_id = ref_id if i == 0 else 0
        st.btf = meta.btf
        st.btf_id = btf_id
        st.iter_state = t.BPF_ITER_STATE_ACTIVE
        state.stack[spi - i] = StackSlot(ALL_ITER, st)
        state.live.marks[op.MAX_BPF_REG + spi - i] |= t.REG_LIVE_WRITTEN
        env.mark_stack_slot_scratched(spi - i)


def _destroy(env: VerifierEnv, reg: RegState, nr_slots: int) -> None:
    state = env.func(reg)
    spi = _get_spi(env, reg, nr_slots)
    release_reference(env, state.stack[spi].spilled_ptr.ref_obj_id)
    for i in range(nr_slots):
        state.stack[spi - i] = StackSlot(ALL_INVALID, NOT_INIT_REG)
        state.live.marks[op.MAX_BPF_REG + spi - i] |= t.REG_LIVE_WRITTEN
        env.mark_stack_slot_scratched(spi - i)


def process_iter_arg(env: VerifierEnv, meta: KfuncMeta, regno: int, insn_idx: int) -> None:
    """An argument that is an iterator: constructed, used or destroyed."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type != t.PTR_TO_STACK:
        env.reject(EINVAL, f"arg#{regno - 1} expected pointer to an iterator on stack\n", regno)
    btf_id = _iter_type(meta, regno - 1)
    if btf_id < 0:
        env.reject(EINVAL, f"expected valid iter pointer as arg #{regno - 1}\n", regno)
    nr_slots = meta.btf.type(btf_id).size // 8
    name = iter_type_str(meta.btf, btf_id)
    if meta.has(kfuncs.KF_ITER_NEW):
        if not _is_valid_uninit(env, reg, nr_slots):
            env.reject(EINVAL, f"expected uninitialized iter_{name} as arg #{regno - 1}\n", regno)
        _construct(env, meta, regno, insn_idx, btf_id, nr_slots)
        return
    error = _init_error(env, reg, meta.btf, btf_id, nr_slots)
    if error == EINVAL:
        env.reject(error, f"expected an initialized iter_{name} as arg #{regno - 1}\n", regno)
    if error:
        env.reject(error, f"expected an RCU CS when using {meta.name}\n", regno)
    spi = _get_spi(env, reg, nr_slots)
    state = env.func(reg)
    for i in range(nr_slots):
        mark_stack_slot_read(env, state, spi - i)
        env.mark_stack_slot_scratched(spi - i)
    meta.iter_spi = spi
    meta.iter_frameno = reg.frameno
    meta.ref_obj_id = state.stack[spi].spilled_ptr.ref_obj_id
    if meta.has(kfuncs.KF_ITER_DESTROY):
        _destroy(env, reg, nr_slots)


def iter_reg(state: VerifierState, meta: KfuncMeta) -> RegState:
    """get_iter_from_state(): the iterator's first slot."""
    return state.frame[meta.iter_frameno].stack[meta.iter_spi].spilled_ptr


def _set_iter(state: VerifierState, meta: KfuncMeta, iter_state: int, deeper: int) -> None:
    frame = state.frame[meta.iter_frameno]
    slot = frame.stack[meta.iter_spi]
    reg = slot.spilled_ptr.clone()
    reg.iter_state = iter_state
    reg.iter_depth += deeper
    frame.stack[meta.iter_spi] = StackSlot(slot.slot_type, reg)


def process_iter_next_call(env: VerifierEnv, insn_idx: int, meta: KfuncMeta) -> None:
    """Two ways on: the iterator is drained and r0 is null, or (queued) there is one more element."""
    cur = env.cur_state
    state = iter_reg(cur, meta).iter_state
    if state not in (t.BPF_ITER_STATE_ACTIVE, t.BPF_ITER_STATE_DRAINED):
        env.reject(EFAULT, f"verifier internal error: unexpected iterator state {state}\n")
    if state == t.BPF_ITER_STATE_ACTIVE:
        if cur.parent is None:
            env.reject(EFAULT, "bug: bad parent state for iter next call")
        prev = find_prev_entry(env, cur.parent, insn_idx)
        queued = env.push_stack(insn_idx + 1, insn_idx, False)
        _set_iter(queued, meta, t.BPF_ITER_STATE_ACTIVE, 1)
        if prev is not None:
            widen_imprecise_scalars(env, prev, queued)
        queued.frame[-1].regs[0] = not_null(env, queued.frame[-1].regs[0])
    _set_iter(cur, meta, t.BPF_ITER_STATE_DRAINED, 0)
    zero = known_scalar(0)
    zero.precise = not env.bpf_capable
    cur.frame[-1].regs[0] = zero
