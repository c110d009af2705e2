"""One argument of a helper call (check_func_arg)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from vm.btf.types import COMPOSITES
from vm.kernel import func_ids as f
from vm.kernel import types as k
from vm.kernel.helper_facts import FuncProto
from vm.native import mypyc_attr
from vm.verifier.call.arg_types import base_arg, check_func_arg_reg_off, check_reg_type
from vm.verifier.call.dynptr import process_dynptr_func
from vm.verifier.call.kptr import process_kptr_dest
from vm.verifier.call.mem_args import check_helper_mem_access, check_mem_size_reg
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.special import check_reg_const_str, check_spin_lock_arg, process_timer_func
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.alignment import check_ptr_alignment
from vm.verifier.mem.common import BPF_READ, BPF_WRITE, register_is_null
from vm.verifier.mem.dynptr_slots import dynptr_get_spi
from vm.verifier.mem.map_value import map_of
from vm.verifier.mem.packet import may_access_direct_pkt_data
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.prune.liveness import SRC_OP, check_reg_arg, is_pointer_value
from vm.verifier.rules.helper_args import (
    ALLOCATION_SIZE_NOT_CONSTANT,
    KPTR_ARGUMENT_BTF_ID,
    PERCPU_ARGUMENT_BTF_ID,
    TIMER_MAP_MISMATCH,
)
from vm.verifier.rules.internal import SOCKMAP_ARGUMENT_TYPE, TWO_REFERENCED_ARGUMENTS, TWO_RELEASE_ARGUMENTS
from vm.verifier.rules.lifetime import DYNPTR_ARGUMENT_UNACQUIRED, DYNPTR_RELEASE_UNOWNED, RELEASE_OF_UNREFERENCED
from vm.verifier.rules.memory import MAP_KEY_WITHOUT_MAP, MAP_TYPE_WITHOUT_MAP, MAP_VALUE_WITHOUT_MAP
from vm.verifier.rules.policy import HELPER_PACKET_ACCESS, POINTER_LEAK_TO_HELPER
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState


@mypyc_attr(free_list_len=1)
@final
class _Arg:
    __slots__ = ("fn", "position", "regno", "arg_type", "reg", "insn_idx")

    def __init__(self, fn: FuncProto, position: int, regno: int, arg_type: int, reg: RegState, insn_idx: int) -> None:
        self.fn: FuncProto = fn
        self.position: int = position
        self.regno: int = regno
        self.arg_type: int = arg_type
        self.reg: RegState = reg
        self.insn_idx: int = insn_idx


_Check = Callable[[VerifierEnv, _Arg, CallMeta], None]


def _access(arg_type: int) -> int:
    return BPF_WRITE if arg_type & t.MEM_WRITE else BPF_READ


def _map_ptr(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    reg = a.reg
    if meta.map_index >= 0 and (meta.map_index, meta.inner_map, meta.map_uid) != (
        reg.map_ptr,
        reg.inner_map,
        reg.map_uid,
    ):
        env.reject(TIMER_MAP_MISMATCH, a.regno, timer_uid=meta.map_uid, map_uid=reg.map_uid)
    meta.map_index = reg.map_ptr
    meta.inner_map = reg.inner_map
    meta.map_uid = reg.map_uid
    meta.spec = map_of(env, reg)


def _map_key(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    if meta.spec is None:
        env.reject(MAP_KEY_WITHOUT_MAP, a.regno)
    check_helper_mem_access(env, a.regno, meta.spec.key_size, BPF_READ, False, None)


def _map_value(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    if a.arg_type & t.PTR_MAYBE_NULL and register_is_null(a.reg):
        return
    if meta.spec is None:
        env.reject(MAP_VALUE_WITHOUT_MAP, a.regno)
    meta.raw_mode = a.arg_type & t.MEM_UNINIT != 0
    check_helper_mem_access(env, a.regno, meta.spec.value_size, _access(a.arg_type), False, meta)


def _mem(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    # Without a fixed size, the check is done with the following size argument.
    meta.raw_mode = a.arg_type & t.MEM_UNINIT != 0
    if not a.arg_type & t.MEM_FIXED_SIZE:
        return
    size = a.fn.arg_sizes[a.position]
    check_helper_mem_access(env, a.regno, size, _access(a.arg_type), False, meta)
    if a.arg_type & t.MEM_ALIGNED:
        check_ptr_alignment(env, a.reg, 0, size, True, a.regno)


def _size(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    zero_size_allowed = base_arg(a.arg_type) == k.ARG_CONST_SIZE_OR_ZERO
    check_mem_size_reg(env, a.regno, _access(a.fn.arg_types[a.position - 1]), zero_size_allowed, meta)


def _alloc_size(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    if a.reg.scalar.var_off.mask:
        env.reject(ALLOCATION_SIZE_NOT_CONSTANT, a.regno)
    meta.mem_size = a.reg.scalar.var_off.value & 0xFFFFFFFF
    mark_chain_precision(env, a.regno, "size_argument")


def _spin_lock(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    check_spin_lock_arg(env, a.regno, meta)


def _timer(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    process_timer_func(env, a.regno, meta)


def _func(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    meta.subprogno = a.reg.subprogno


def _dynptr(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    process_dynptr_func(env, a.regno, a.insn_idx, a.arg_type)


def _const_str(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    check_reg_const_str(env, a.regno)


def _kptr_dest(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    process_kptr_dest(env, a.regno, meta)


def _percpu(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    if not a.reg.btf_id:
        env.reject(PERCPU_ARGUMENT_BTF_ID, a.regno)
    if a.reg.type & t.MEM_RCU:
        if a.reg.btf is None or a.reg.btf.type(a.reg.btf_id).kind not in COMPOSITES:
            env.reject(KPTR_ARGUMENT_BTF_ID, a.regno)
        meta.percpu_object = True
        env.aux[a.insn_idx].call_with_percpu_alloc_ptr = True
    meta.ret_btf = a.reg.btf
    meta.ret_btf_id = a.reg.btf_id


_CHECKS: Final[dict[int, _Check]] = {
    k.ARG_CONST_MAP_PTR: _map_ptr,
    k.ARG_PTR_TO_MAP_KEY: _map_key,
    k.ARG_PTR_TO_MAP_VALUE: _map_value,
    k.ARG_PTR_TO_MEM: _mem,
    k.ARG_CONST_SIZE: _size,
    k.ARG_CONST_SIZE_OR_ZERO: _size,
    k.ARG_CONST_ALLOC_SIZE_OR_ZERO: _alloc_size,
    k.ARG_PTR_TO_SPIN_LOCK: _spin_lock,
    k.ARG_PTR_TO_TIMER: _timer,
    k.ARG_PTR_TO_FUNC: _func,
    k.ARG_PTR_TO_DYNPTR: _dynptr,
    k.ARG_PTR_TO_CONST_STR: _const_str,
    k.ARG_KPTR_XCHG_DEST: _kptr_dest,
    k.ARG_PTR_TO_PERCPU_BTF_ID: _percpu,
}


def _resolve_map_arg_type(env: VerifierEnv, meta: CallMeta, arg_type: int) -> int:
    """resolve_map_arg_type(): values of some maps are sockets, or read-only."""
    if meta.spec is None:
        env.reject(MAP_TYPE_WITHOUT_MAP)
    if meta.spec.map_type in (k.BPF_MAP_TYPE_SOCKMAP, k.BPF_MAP_TYPE_SOCKHASH):
        if arg_type != k.ARG_PTR_TO_MAP_VALUE:
            env.reject(SOCKMAP_ARGUMENT_TYPE)
        return k.ARG_PTR_TO_BTF_ID_SOCK_COMMON
    if meta.spec.map_type == k.BPF_MAP_TYPE_BLOOM_FILTER and meta.func_id == f.MAP_PEEK_ELEM:
        return k.ARG_PTR_TO_MAP_VALUE
    return arg_type


def _note_release(env: VerifierEnv, a: _Arg, meta: CallMeta) -> None:
    """Checks an argument whose reference the call releases."""
    reg = a.reg
    if base_arg(a.arg_type) == k.ARG_PTR_TO_DYNPTR:
        if reg.type != t.PTR_TO_STACK:
            env.reject(DYNPTR_RELEASE_UNOWNED, a.regno)
        spi = dynptr_get_spi(env, reg)
        if spi < 0 or not env.func(reg).stack[spi].spilled_ptr.ref_obj_id:
            env.reject(DYNPTR_ARGUMENT_UNACQUIRED, a.regno, arg=a.regno)
    elif not reg.ref_obj_id and not register_is_null(reg):
        env.reject(RELEASE_OF_UNREFERENCED, a.regno)
    if meta.release_regno:
        env.reject(TWO_RELEASE_ARGUMENTS, a.regno)
    meta.release_regno = a.regno


def check_func_arg(env: VerifierEnv, index: int, meta: CallMeta, fn: FuncProto, insn_idx: int) -> None:
    """Checks argument `index` (0 to 4) of a call of helper `fn`; stores facts about the call in `meta`."""
    regno = 1 + index
    arg_type = fn.arg_types[index]
    if arg_type == k.ARG_DONTCARE:
        return
    check_reg_arg(env, regno, SRC_OP)
    if arg_type == k.ARG_ANYTHING:
        if is_pointer_value(env, regno):
            env.reject(POINTER_LEAK_TO_HELPER, regno)
        return
    reg = env.cur_state.frame[-1].regs[regno]
    if t.type_is_pkt_pointer(reg.type) and not may_access_direct_pkt_data(env, BPF_READ, meta.pkt_access):
        env.reject(HELPER_PACKET_ACCESS, regno)
    if base_arg(arg_type) == k.ARG_PTR_TO_MAP_VALUE:
        arg_type = _resolve_map_arg_type(env, meta, arg_type)
    if register_is_null(reg) and arg_type & t.PTR_MAYBE_NULL:
        mark_chain_precision(env, regno, "null_argument")
    else:
        check_reg_type(env, regno, arg_type, meta, fn.arg_btf_ids[index])
        check_func_arg_reg_off(env, reg, regno, arg_type)
    arg = _Arg(fn, index, regno, arg_type, reg, insn_idx)
    if arg_type & t.OBJ_RELEASE:
        _note_release(env, arg, meta)
    if reg.ref_obj_id and base_arg(arg_type) != k.ARG_KPTR_XCHG_DEST:
        if meta.ref_obj_id:
            env.reject(TWO_REFERENCED_ARGUMENTS, regno, first=reg.ref_obj_id, second=meta.ref_obj_id)
        meta.ref_obj_id = reg.ref_obj_id
    check = _CHECKS.get(base_arg(arg_type))
    if check is not None:
        check(env, arg, meta)
