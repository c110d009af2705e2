"""r0 after a helper call: its type, bounds and reference."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from vm.btf.types import COMPOSITES, Btf
from vm.kernel import func_ids as f
from vm.kernel import types as k
from vm.kernel.helper_facts import FuncProto
from vm.verifier.call.kptr import exchanged
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.names import func_text
from vm.verifier.call.refs import acquire_reference_state
from vm.verifier.domain.scalar import UNKNOWN, Scalar, bounded, s32
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ptr import kernel_struct_id, vmlinux
from vm.verifier.prepass.record import BPF_SPIN_LOCK, map_record
from vm.verifier.rules.internal import HELPER_RETURN_TYPE_INVALID, HELPER_RETURN_TYPE_UNKNOWN, KERNEL_MISCONFIGURED
from vm.verifier.sanity import sane
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer, unknown_scalar

MAX_ERRNO: Final = 4095
# The emulated kernel has one processor.
NR_CPU_IDS: Final = 1

_ACQUIRES: Final = frozenset({f.SK_LOOKUP_TCP, f.SK_LOOKUP_UDP, f.SKC_LOOKUP_TCP, f.RINGBUF_RESERVE, f.KPTR_XCHG})
_CASTS: Final = frozenset(
    {
        f.TCP_SOCK, f.SK_FULLSOCK, f.SKC_TO_TCP_SOCK, f.SKC_TO_TCP6_SOCK, f.SKC_TO_UDP6_SOCK, f.SKC_TO_MPTCP_SOCK,
        f.SKC_TO_TCP_TIMEWAIT_SOCK, f.SKC_TO_TCP_REQUEST_SOCK,
    }
)  # fmt: skip
# At most as many bytes as the size argument allows, or a negative errno.
_BOUNDED_BY_SIZE: Final = frozenset(
    {f.GET_STACK, f.GET_TASK_STACK, f.PROBE_READ_STR, f.PROBE_READ_KERNEL_STR, f.PROBE_READ_USER_STR}
)
_SOCK_TYPES: Final = {
    k.RET_PTR_TO_SOCKET: t.PTR_TO_SOCKET,
    k.RET_PTR_TO_SOCK_COMMON: t.PTR_TO_SOCK_COMMON,
    k.RET_PTR_TO_TCP_SOCK: t.PTR_TO_TCP_SOCK,
}
_SOCK_MAPS: Final = frozenset({k.BPF_MAP_TYPE_SOCKMAP, k.BPF_MAP_TYPE_SOCKHASH})


def _is_acquire_function(meta: CallMeta) -> bool:
    if meta.func_id in _ACQUIRES:
        return True
    return meta.func_id == f.MAP_LOOKUP_ELEM and meta.spec is not None and meta.spec.map_type in _SOCK_MAPS


@lru_cache(1024)
def _error_or_size(most: int) -> Scalar:
    return bounded(UNKNOWN, smin=-MAX_ERRNO, smax=most, s32_min=-MAX_ERRNO, s32_max=s32(most))


def _integer(env: VerifierEnv, fn: FuncProto, meta: CallMeta) -> RegState:
    reg = unknown_scalar(not env.bpf_capable)
    if fn.ret_type != k.RET_INTEGER:
        return reg
    scalar = reg.scalar
    if meta.func_id in _BOUNDED_BY_SIZE:
        most = meta.msize_max_value
        scalar = _error_or_size(most)
    elif meta.func_id == f.GET_SMP_PROCESSOR_ID:
        last = NR_CPU_IDS - 1
        scalar = bounded(scalar, umin=0, umax=last, u32_min=0, u32_max=last, smin=0, smax=last, s32_min=0, s32_max=last)
    reg.scalar = sane(env, scalar, "retval")
    return reg


def _map_value(env: VerifierEnv, fn: FuncProto, meta: CallMeta) -> RegState:
    if meta.spec is None:
        env.reject(KERNEL_MISCONFIGURED)
    reg = pointer(t.PTR_TO_MAP_VALUE | t.type_flag(fn.ret_type))
    reg.map_ptr = meta.map_index
    reg.inner_map = meta.inner_map
    reg.map_uid = meta.map_uid
    if not t.type_may_be_null(fn.ret_type) and map_record(env.program, meta.spec).has(BPF_SPIN_LOCK):
        reg.id = env.new_id()
    return reg


def _percpu_variable(btf: Btf, btf_id: int, flags: int) -> RegState:
    found = btf.skip_modifiers(btf_id)
    if found.kind in COMPOSITES:
        reg = pointer(t.PTR_TO_BTF_ID | flags & ~t.MEM_RDONLY)
        reg.btf = btf
        reg.btf_id = btf_id
    else:
        reg = pointer(t.PTR_TO_MEM | flags)
        reg.mem_size = btf.size_of(found.id)
    return reg


def _returned(env: VerifierEnv, fn: FuncProto, meta: CallMeta) -> RegState:
    base = fn.ret_type & t.BPF_BASE_TYPE_MASK
    if base == k.RET_INTEGER:
        return _integer(env, fn, meta)
    if base == k.RET_VOID:
        return NOT_INIT_REG
    if base == k.RET_PTR_TO_MAP_VALUE:
        return _map_value(env, fn, meta)
    flags = t.type_flag(fn.ret_type)
    if base in _SOCK_TYPES:
        return pointer(_SOCK_TYPES[base] | flags)
    if base == k.RET_PTR_TO_MEM:
        reg = pointer(t.PTR_TO_MEM | flags)
        reg.mem_size = meta.mem_size
        return reg
    if base == k.RET_PTR_TO_MEM_OR_BTF_ID and meta.ret_btf is not None:
        if meta.percpu_object:
            reg = pointer(t.PTR_TO_BTF_ID | t.MEM_ALLOC | t.MEM_RCU)
            reg.btf = meta.ret_btf
            reg.btf_id = meta.ret_btf_id
            return reg
        return _percpu_variable(meta.ret_btf, meta.ret_btf_id, flags)
    if base == k.RET_PTR_TO_BTF_ID and meta.func_id == f.KPTR_XCHG:
        return exchanged(env, meta, flags)
    if base != k.RET_PTR_TO_BTF_ID:
        env.reject(HELPER_RETURN_TYPE_UNKNOWN, return_type=base, func=func_text(meta.func_id))
    reg = pointer(t.PTR_TO_BTF_ID | flags)
    reg.btf = vmlinux()
    reg.btf_id = kernel_struct_id(fn.ret_btf_id)
    if not reg.btf_id:
        env.reject(HELPER_RETURN_TYPE_INVALID, return_type=base, func=func_text(meta.func_id))
    return reg


def set_return(env: VerifierEnv, fn: FuncProto, meta: CallMeta, insn_idx: int) -> None:
    """Sets r0 to the helper's result."""
    reg = _returned(env, fn, meta)
    if reg.type & t.PTR_MAYBE_NULL:
        reg.id = env.new_id()
    if meta.func_id == f.DYNPTR_DATA:
        reg.dynptr_id = meta.dynptr_id
    if meta.func_id in _CASTS or meta.func_id == f.DYNPTR_DATA:
        reg.ref_obj_id = meta.ref_obj_id
    elif _is_acquire_function(meta):
        reg.id = reg.ref_obj_id = acquire_reference_state(env, insn_idx)
    env.cur_state.frame[-1].regs[0] = reg
