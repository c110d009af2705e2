"""r0 after a call of a kernel function (the second half of check_kfunc_call)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.btf.types import COMPOSITES, Kind, Type
from vm.errors import InputError
from vm.kernel import kfuncs as kf
from vm.verifier.call.kfunc_args import dynptr_type_flag, is_scalar_struct
from vm.verifier.call.kfunc_iter import iter_of
from vm.verifier.call.refs import acquire_reference_state
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ptr import btf_pointer
from vm.verifier.mem.common import BPF_WRITE
from vm.verifier.mem.objects import graph_node, is_alloc_object, non_owning, reg_record, struct_record
from vm.verifier.mem.packet import may_access_direct_pkt_data
from vm.verifier.prepass.kfunc_meta import LIST_POP, SCALAR_KINDS, SPECIAL, KfuncMeta, kind_str
from vm.verifier.prepass.record import BPF_SPIN_LOCK
from vm.verifier.rules.internal import DYNPTR_ID_MISSING, DYNPTR_SLICE_SIZE_MISSING, KFUNC_RETURN_UNHANDLED
from vm.verifier.rules.kfunc_args import (
    ACQUIRE_WITHOUT_BTF_ID,
    KFUNC_RETURN_TYPE_UNSUPPORTED,
    LOCAL_TYPE_ID_RANGE,
    OBJECT_TYPE_NOT_STRUCT,
    OBJECT_WITHOUT_BTF,
    PERCPU_OBJECT_NOT_SCALARS,
    PERCPU_OBJECT_SPECIAL_FIELDS,
    RDONLY_CAST_TYPE,
)
from vm.verifier.rules.limits import PERCPU_OBJECT_SIZE
from vm.verifier.rules.policy import PACKET_WRITE_NOT_ALLOWED
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState, pointer, unknown_scalar

_PERCPU_MAX_SIZE: Final = 512  # BPF_GLOBAL_PERCPU_MA_MAX_SIZE
_NEW: Final = frozenset({"bpf_obj_new_impl", "bpf_percpu_obj_new_impl"})
_ACQUIRES_OBJECT: Final = _NEW | {"bpf_refcount_acquire_impl"}


def note_struct_meta(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    """Records the description of the type for the function, if the type has special fields."""
    if meta.arg_btf is not None and struct_record(meta.arg_btf, meta.arg_btf_id).fields:
        env.aux[insn_idx].kptr_struct_meta = meta.arg_btf_id
    else:
        env.aux[insn_idx].kptr_struct_meta = 0


def _new_object(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    type_id = meta.arg_constant or 0
    if type_id > 0xFFFFFFFF:
        env.reject(LOCAL_TYPE_ID_RANGE)
    btf = env.program.btf
    if btf is None:
        env.reject(OBJECT_WITHOUT_BTF)
    try:
        found = btf.type(type_id)
    except InputError:
        found = btf.type(0)
    if found.kind is not Kind.STRUCT:
        env.reject(OBJECT_TYPE_NOT_STRUCT)
    percpu = meta.name == "bpf_percpu_obj_new_impl"
    special = bool(struct_record(btf, type_id).fields)
    if percpu:
        if found.size > _PERCPU_MAX_SIZE:
            env.reject(PERCPU_OBJECT_SIZE, size=found.size, most=_PERCPU_MAX_SIZE)
        if not is_scalar_struct(env, btf, found):
            env.reject(PERCPU_OBJECT_NOT_SCALARS)
        if special:
            env.reject(PERCPU_OBJECT_SPECIAL_FIELDS)
    aux = env.aux[insn_idx]
    aux.obj_new_size = found.size
    aux.kptr_struct_meta = type_id if special else 0
    reg = pointer(t.PTR_TO_BTF_ID | t.MEM_ALLOC | (t.MEM_PERCPU if percpu else 0))
    reg.btf = btf
    reg.btf_id = type_id
    return reg


def _refcount_acquire(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    note_struct_meta(env, meta, insn_idx)
    reg = pointer(t.PTR_TO_BTF_ID | t.MEM_ALLOC)
    reg.btf = meta.arg_btf
    reg.btf_id = meta.arg_btf_id
    return reg


def _graph(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    assert meta.root is not None
    return graph_node(env, meta.root)


def _kern_ctx(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    return btf_pointer(env, meta.btf, meta.ret_btf_id, t.PTR_TRUSTED)


def _rdonly_cast(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    type_id = (meta.arg_constant or 0) & 0xFFFFFFFF
    try:
        found = meta.btf.type(type_id)
    except InputError:
        found = meta.btf.type(0)
    if found.kind not in COMPOSITES:
        env.reject(RDONLY_CAST_TYPE)
    return btf_pointer(env, meta.btf, type_id, t.PTR_UNTRUSTED)


def _slice(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> RegState:
    if meta.arg_constant is None:
        env.reject(DYNPTR_SLICE_SIZE_MISSING)
    reg = pointer(t.PTR_TO_MEM | dynptr_type_flag(meta.dynptr_type))
    reg.mem_size = meta.arg_constant & 0xFFFFFFFF
    if meta.name == "bpf_dynptr_slice":
        reg.type |= t.MEM_RDONLY
    elif not may_access_direct_pkt_data(env, BPF_WRITE):
        env.reject(PACKET_WRITE_NOT_ALLOWED)
    if not meta.dynptr_id:
        env.reject(DYNPTR_ID_MISSING)
    reg.dynptr_id = meta.dynptr_id
    return reg


_SPECIAL: Final[dict[str, Callable[[VerifierEnv, KfuncMeta, int], RegState]]] = {
    **dict.fromkeys(_NEW, _new_object),
    "bpf_refcount_acquire_impl": _refcount_acquire,
    **dict.fromkeys((*LIST_POP, "bpf_rbtree_remove", "bpf_rbtree_first"), _graph),
    "bpf_cast_to_kern_ctx": _kern_ctx,
    "bpf_rdonly_cast": _rdonly_cast,
    "bpf_dynptr_slice": _slice,
    "bpf_dynptr_slice_rdwr": _slice,
}


def _memory(env: VerifierEnv, meta: KfuncMeta, target: Type) -> RegState:
    """The value for a pointer to a type that is not a struct: memory with a size from the call or the type."""
    if not meta.r0_size and target.kind not in (Kind.FUNC, Kind.FUNC_PROTO, Kind.FWD):
        meta.r0_size = meta.btf.size_of(target.id)
        meta.r0_rdonly = True
    if not meta.r0_size:
        env.reject(KFUNC_RETURN_TYPE_UNSUPPORTED, kfunc=meta.name, kind=kind_str(target), name=target.name)
    reg = pointer(t.PTR_TO_MEM | (t.MEM_RDONLY if meta.r0_rdonly else 0))
    reg.mem_size = meta.r0_size
    reg.ref_obj_id = meta.ref_obj_id
    return reg


def _pointer(env: VerifierEnv, meta: KfuncMeta, ptr: Type, insn_idx: int) -> RegState:
    target = meta.btf.skip_modifiers(ptr.type_id)
    if meta.name in SPECIAL:
        special = _SPECIAL.get(meta.name)
        if special is None:
            env.reject(KFUNC_RETURN_UNHANDLED, kfunc=meta.name)
        return special(env, meta, insn_idx)
    if target.kind is Kind.VOID:
        return unknown_scalar(not env.bpf_capable)
    if target.kind is not Kind.STRUCT:
        return _memory(env, meta, target)
    flag = 0
    if meta.flags & kf.KF_ITER_NEXT:
        flag = t.MEM_RCU if iter_of(env.cur_state, meta).type & t.MEM_RCU else t.PTR_TRUSTED
    return btf_pointer(env, meta.btf, target.id, flag)


def set_return(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    """Sets r0 to the result; after a void function it has no value."""
    frame = env.cur_state.frame[-1]
    found = meta.btf.skip_modifiers(meta.proto.type_id)
    if meta.acquires and meta.name not in _ACQUIRES_OBJECT:
        struct = found.kind is Kind.PTR and meta.btf.skip_modifiers(found.type_id).kind in COMPOSITES
        if not struct:
            env.reject(ACQUIRE_WITHOUT_BTF_ID)
    if found.kind in SCALAR_KINDS:
        frame.regs[0] = unknown_scalar(not env.bpf_capable)
    elif found.kind is Kind.PTR:
        frame.regs[0] = _finished(env, meta, _pointer(env, meta, found, insn_idx), insn_idx)
    else:
        if found.kind is Kind.VOID and meta.name in ("bpf_obj_drop_impl", "bpf_percpu_obj_drop_impl"):
            note_struct_meta(env, meta, insn_idx)
        return
    frame.live.marks[0] |= t.REG_LIVE_WRITTEN
    frame.r0_exchanged = 0


def _finished(env: VerifierEnv, meta: KfuncMeta, reg: RegState, insn_idx: int) -> RegState:
    """Nullness, reference and lock identity of a returned pointer. `reg` is not stored anywhere yet."""
    if meta.may_return_null:
        reg.type |= t.PTR_MAYBE_NULL
        reg.id = env.new_id()
    if meta.acquires:
        ref_id = acquire_reference_state(env, insn_idx)
        if meta.may_return_null:
            reg.id = ref_id
        reg.ref_obj_id = ref_id
    elif meta.name == "bpf_rbtree_first":
        reg = non_owning(env, reg)
    # As the kernel, look at the type with "may be null" still in it: a map value would not count, an object does.
    if not reg.id and is_alloc_object(reg.type) and reg_record(env, reg).has(BPF_SPIN_LOCK):
        reg.id = env.new_id()
    return reg
