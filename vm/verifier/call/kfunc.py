"""Calls of kernel functions by BTF id (check_kfunc_call)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import COMPOSITES, Kind, Type
from vm.errors import NotEmulated
from vm.isa.insn import Insn
from vm.kernel import kfuncs
from vm.verifier.call.iters import iter_reg, process_iter_next_call
from vm.verifier.call.kfunc_args import check_kfunc_args, is_scalar
from vm.verifier.call.refs import acquire_reference_state, release_reference
from vm.verifier.env import EACCES, EFAULT, EINVAL, VerifierEnv
from vm.verifier.kfunc_meta import KfuncMeta, fetch_kfunc_meta, kfunc_name
from vm.verifier.liveness import mark_read, mark_reg_unknown
from vm.verifier.mem.common import BPF_WRITE
from vm.verifier.mem.packet import may_access_direct_pkt_data
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer

CALLER_SAVED_REGS: Final = 6

_DYNPTR_FLAGS: Final = {
    t.BPF_DYNPTR_TYPE_LOCAL: t.DYNPTR_TYPE_LOCAL,
    t.BPF_DYNPTR_TYPE_RINGBUF: t.DYNPTR_TYPE_RINGBUF,
    t.BPF_DYNPTR_TYPE_SKB: t.DYNPTR_TYPE_SKB,
    t.BPF_DYNPTR_TYPE_XDP: t.DYNPTR_TYPE_XDP,
}
# Functions of lists and trees: the only ones that may be called with a lock held.
GRAPH_KFUNCS: Final = frozenset(
    {
        "bpf_list_push_front_impl", "bpf_list_push_back_impl", "bpf_list_pop_front", "bpf_list_pop_back",
        "bpf_rbtree_add_impl", "bpf_rbtree_remove", "bpf_rbtree_first", "bpf_refcount_acquire_impl",
    }
)  # fmt: skip
_ALLOCATORS: Final = frozenset({"bpf_obj_new_impl", "bpf_percpu_obj_new_impl"})


def _unlock_rcu(env: VerifierEnv) -> None:
    """Pointers that only the RCU section kept alive are untrusted from here on."""

    def left(reg: RegState) -> RegState:
        reg = reg.clone()
        reg.type = reg.type & ~(t.MEM_RCU | t.PTR_MAYBE_NULL) | t.PTR_UNTRUSTED
        return reg

    for frame in env.cur_state.frame:
        for i, reg in enumerate(frame.regs):
            if reg.type & t.MEM_RCU:
                frame.regs[i] = left(reg)
        for i, slot in enumerate(frame.stack):
            if slot.slot_type[7] in (t.STACK_SPILL, t.STACK_ITER) and slot.spilled_ptr.type & t.MEM_RCU:
                frame.stack[i] = StackSlot(slot.slot_type, left(slot.spilled_ptr))
    env.cur_state.active_rcu_lock = False


def _regions(env: VerifierEnv, meta: KfuncMeta) -> None:
    """RCU sections, which do not nest, and sections without preemption, which do."""
    cur = env.cur_state
    sleepable = meta.has(kfuncs.KF_SLEEPABLE)
    name = meta.name
    if cur.active_rcu_lock:
        if name == "bpf_rcu_read_lock":
            env.reject(EINVAL, f"nested rcu read lock (kernel function {name})\n")
        if name == "bpf_rcu_read_unlock":
            _unlock_rcu(env)
        elif sleepable:
            env.reject(EACCES, f"kernel func {name} is sleepable within rcu_read_lock region\n")
    elif name == "bpf_rcu_read_lock":
        cur.active_rcu_lock = True
    elif name == "bpf_rcu_read_unlock":
        env.reject(EINVAL, f"unmatched rcu read unlock (kernel function {name})\n")
    if name == "bpf_preempt_disable":
        cur.active_preempt_lock += 1
    elif name == "bpf_preempt_enable":
        if not cur.active_preempt_lock:
            env.reject(EINVAL, f"unmatched attempt to enable preemption (kernel function {name})\n")
        cur.active_preempt_lock -= 1
    elif cur.active_preempt_lock and sleepable:
        env.reject(EACCES, f"kernel func {name} is sleepable within non-preemptible region\n")


def _slice(env: VerifierEnv, meta: KfuncMeta) -> RegState:
    if meta.constant is None or meta.dynptr is None:
        env.reject(EFAULT, "verifier internal error: bpf_dynptr_slice(_rdwr) no constant size\n")
    reg = pointer(t.PTR_TO_MEM | _DYNPTR_FLAGS.get(meta.dynptr.dynptr_type, 0))
    reg.mem_size = meta.constant & 0xFFFFFFFF
    if meta.name == "bpf_dynptr_slice":
        reg.type |= t.MEM_RDONLY
    elif not may_access_direct_pkt_data(env, BPF_WRITE):
        env.reject(EINVAL, "the prog does not allow writes to packet data\n")
    reg.dynptr_id = meta.dynptr.id
    return reg


def _rdonly_cast(env: VerifierEnv, meta: KfuncMeta) -> RegState:
    btf_id = meta.constant or 0
    if not 0 < btf_id < len(meta.btf) or meta.btf.type(btf_id).kind not in COMPOSITES:
        env.reject(EINVAL, "kfunc bpf_rdonly_cast type ID argument must be of a struct\n")
    reg = pointer(t.PTR_TO_BTF_ID | t.PTR_UNTRUSTED)
    reg.btf = meta.btf
    reg.btf_id = btf_id
    return reg


def _returned_pointer(env: VerifierEnv, meta: KfuncMeta, ptr: Type) -> RegState | None:
    """r0 of a function that returns a pointer; None where it counts as a number."""
    if meta.name in ("bpf_dynptr_slice", "bpf_dynptr_slice_rdwr"):
        return _slice(env, meta)
    if meta.name == "bpf_rdonly_cast":
        return _rdonly_cast(env, meta)
    if meta.name in GRAPH_KFUNCS or meta.name in _ALLOCATORS:
        raise NotEmulated(f"allocated objects ({meta.name})")
    if meta.name == "bpf_cast_to_kern_ctx":
        reg = pointer(t.PTR_TO_BTF_ID | t.PTR_TRUSTED)
        reg.btf = meta.btf
        reg.btf_id = meta.ret_btf_id
        return reg
    found = meta.btf.skip_modifiers(ptr.type_id)
    if found.kind is Kind.VOID:
        return None
    if found.kind not in COMPOSITES:
        return _returned_memory(env, meta, found)
    reg = pointer(t.PTR_TO_BTF_ID)
    reg.btf = meta.btf
    reg.btf_id = found.id
    if meta.has(kfuncs.KF_ITER_NEXT):
        reg.type |= t.MEM_RCU if iter_reg(env.cur_state, meta).type & t.MEM_RCU else t.PTR_TRUSTED
    return reg


def _returned_memory(env: VerifierEnv, meta: KfuncMeta, found: Type) -> RegState:
    if not meta.r0_size:
        meta.r0_size = meta.btf.size_of(found.id)
        meta.r0_rdonly = True
    if not meta.r0_size:
        env.reject(
            EINVAL,
            f"kernel function {meta.name} returns pointer type {found.kind.name} {found.name} is not supported\n",
        )
    reg = pointer(t.PTR_TO_MEM)
    reg.mem_size = meta.r0_size
    if meta.r0_rdonly:
        reg.type |= t.MEM_RDONLY
    reg.ref_obj_id = meta.ref_obj_id
    return reg


def _set_return(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    frame = env.cur_state.frame[-1]
    found = meta.btf.skip_modifiers(meta.proto.type_id)
    if meta.name in _ALLOCATORS:
        raise NotEmulated(f"allocated objects ({meta.name})")
    if meta.has(kfuncs.KF_ACQUIRE) and not (
        found.kind is Kind.PTR and meta.btf.skip_modifiers(found.type_id).kind in COMPOSITES
    ):
        env.reject(EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID\n")
    if is_scalar(found):
        mark_reg_unknown(env, frame.regs, 0)
        frame.live.marks[0] |= t.REG_LIVE_WRITTEN
    elif found.kind is Kind.PTR:
        reg = _returned_pointer(env, meta, found)
        if reg is None:
            mark_reg_unknown(env, frame.regs, 0)
            reg = frame.regs[0].clone()
        if meta.has(kfuncs.KF_RET_NULL):
            reg.type |= t.PTR_MAYBE_NULL
            reg.id = env.new_id()
        frame.live.marks[0] |= t.REG_LIVE_WRITTEN
        if meta.has(kfuncs.KF_ACQUIRE):
            ref_id = acquire_reference_state(env, insn_idx)
            if meta.has(kfuncs.KF_RET_NULL):
                reg.id = ref_id
            reg.ref_obj_id = ref_id
        frame.regs[0] = reg


def _mark_args_read(env: VerifierEnv, meta: KfuncMeta) -> None:
    live = env.cur_state.frame[-1].live
    for i, param in enumerate(meta.proto.params):
        found = meta.btf.skip_modifiers(param.type_id)
        wide = found.kind is Kind.PTR or found.size == 8
        mark_read(env, live, i + 1, t.REG_LIVE_READ64 if wide else t.REG_LIVE_READ32)


def _check_allowed(env: VerifierEnv, insn: Insn) -> KfuncMeta:
    name = kfunc_name(insn)
    if env.cur_state.active_lock.ptr and (insn.off or name not in GRAPH_KFUNCS):
        env.reject(EINVAL, "function calls are not allowed while holding a lock\n")
    meta = fetch_kfunc_meta(env, insn)
    if meta is None:
        env.reject(EACCES, f"calling kernel function {name} is not allowed\n")
    if meta.has(kfuncs.KF_SLEEPABLE) and not (env.sleepable or env.cur_state.in_sleepable):
        env.reject(EACCES, f"program must be sleepable to call sleepable kfunc {name}\n")
    return meta


def check_call(env: VerifierEnv, insn: Insn) -> bool:
    """True if the call ends the program by an exception (bpf_throw)."""
    insn_idx = env.insn_idx
    if insn.dst_reg:
        env.reject(EINVAL, "BPF_CALL uses reserved fields\n")
    if not insn.imm:
        # Refused by the fixups if it is still there then.
        if env.cur_state.active_lock.ptr:
            env.reject(EINVAL, "function calls are not allowed while holding a lock\n")
        env.mark_reg_scratched(0)
        env.insn_idx += 1
        return False
    meta = _check_allowed(env, insn)
    aux = env.aux[insn_idx]
    aux.is_iter_next = meta.has(kfuncs.KF_ITER_NEXT)
    aux.sym = meta.name
    check_kfunc_args(env, meta, insn_idx)
    if meta.name == "bpf_session_cookie":
        meta.r0_size = 8
        meta.r0_rdonly = False
    _regions(env, meta)
    frame = env.cur_state.frame[-1]
    if meta.release_regno and not release_reference(env, frame.regs[meta.release_regno].ref_obj_id):
        env.reject(EINVAL, f"kfunc {meta.name}#{meta.func_id} reference has not been acquired before\n")
    if meta.name == "bpf_throw":
        env.seen_exception = True
        return True
    for regno in range(CALLER_SAVED_REGS):
        frame.regs[regno] = NOT_INIT_REG
    _set_return(env, meta, insn_idx)
    _mark_args_read(env, meta)
    if aux.is_iter_next:
        process_iter_next_call(env, insn_idx, meta)
    env.mark_reg_scratched(0)
    env.insn_idx += 1
    return False
