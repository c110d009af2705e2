"""Arguments that are locks, timers or constant strings in map values."""

from __future__ import annotations

from vm.kernel import func_ids as f
from vm.kernel.errno import EACCES
from vm.kernel.types import BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_ARRAY
from vm.verifier.call.kfunc_graph import in_rbtree_lock_required_cb
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.refs import invalidate_non_owning_refs
from vm.verifier.domain.scalar import s64
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import ACCESS_HELPER
from vm.verifier.mem.map_value import check_map_access, map_is_rdonly, map_name_of, map_of
from vm.verifier.mem.objects import lock_owner, reg_record
from vm.verifier.prepass.record import BPF_SPIN_LOCK, BPF_TIMER, map_record
from vm.verifier.rules.context import LOCK_IN_RBTREE_CALLBACK, SECOND_LOCK, UNLOCK_OF_OTHER_LOCK, UNLOCK_WITHOUT_LOCK
from vm.verifier.rules.helper_args import (
    LOCK_MAP_WITHOUT_BTF,
    LOCK_NOT_AT_OFFSET,
    LOCK_OFFSET_NOT_CONSTANT,
    MAP_WITHOUT_TIMER,
    NO_LOCK_IN_MEMORY,
    STRING_ADDRESS_NOT_CONSTANT,
    STRING_NOT_DIRECT,
    STRING_NOT_MAP_VALUE,
    STRING_NOT_READ_ONLY,
    STRING_NOT_TERMINATED,
    TIMER_MAP_WITHOUT_BTF,
    TIMER_NOT_AT_OFFSET,
    TIMER_OFFSET_NOT_CONSTANT,
)
from vm.verifier.rules.internal import TIMER_RECORD_MISSING, TIMER_TWO_MAPS
from vm.verifier.rules.policy import MAP_WITHOUT_DIRECT_VALUES
from vm.verifier.state import reg_types as t
from vm.verifier.state.vstate import NO_LOCK, ActiveLock


def process_spin_lock(env: VerifierEnv, regno: int, is_lock: bool) -> None:
    """process_spin_lock(): one lock at a time, and only the held one can be unlocked."""
    reg = env.cur_state.frame[-1].regs[regno]
    cur = env.cur_state
    if reg.scalar.var_off.mask:
        env.reject(LOCK_OFFSET_NOT_CONSTANT, regno)
    what = "local 'kptr'"
    if reg.type == t.PTR_TO_MAP_VALUE:
        spec = map_of(env, reg)
        if env.program.btf is None or not spec.btf_value_type_id:
            env.reject(LOCK_MAP_WITHOUT_BTF, regno, map=map_name_of(env, reg))
        what = f"map '{map_name_of(env, reg)}'"
    record = reg_record(env, reg)
    if not record.has(BPF_SPIN_LOCK):
        env.reject(NO_LOCK_IN_MEMORY, regno, memory=what)
    off = s64(reg.scalar.var_off.value + reg.off)
    at = record.offset_of(BPF_SPIN_LOCK)
    if at != off:
        env.reject(LOCK_NOT_AT_OFFSET, regno, off=off, at=at)
    ptr = lock_owner(reg)
    if is_lock:
        if cur.active_lock.ptr:
            env.reject(SECOND_LOCK, regno, held=("lock",))
        cur.active_lock = ActiveLock(ptr, reg.id)
        return
    if not cur.active_lock.ptr:
        env.reject(UNLOCK_WITHOUT_LOCK, regno)
    if cur.active_lock != ActiveLock(ptr, reg.id):
        env.reject(UNLOCK_OF_OTHER_LOCK, regno, held=("lock",))
    invalidate_non_owning_refs(env)
    cur.active_lock = NO_LOCK


def check_spin_lock_arg(env: VerifierEnv, regno: int, meta: CallMeta) -> None:
    """ARG_PTR_TO_SPIN_LOCK of the two helpers that take a lock."""
    if in_rbtree_lock_required_cb(env):
        env.reject(LOCK_IN_RBTREE_CALLBACK, regno)
    if meta.func_id not in (f.SPIN_LOCK, f.SPIN_UNLOCK):
        env.reject(TIMER_RECORD_MISSING, regno)
    process_spin_lock(env, regno, meta.func_id == f.SPIN_LOCK)


def process_timer_func(env: VerifierEnv, regno: int, meta: CallMeta) -> None:
    """ARG_PTR_TO_TIMER: a pointer to the timer in a map value."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.scalar.var_off.mask:
        env.reject(TIMER_OFFSET_NOT_CONSTANT, regno)
    spec = map_of(env, reg)
    if env.program.btf is None or not spec.btf_value_type_id:
        env.reject(TIMER_MAP_WITHOUT_BTF, regno, map=map_name_of(env, reg))
    record = map_record(env.program, spec)
    if not record.has(BPF_TIMER):
        env.reject(MAP_WITHOUT_TIMER, regno, map=map_name_of(env, reg))
    off = s64(reg.scalar.var_off.value + reg.off)
    at = record.offset_of(BPF_TIMER)
    if at != off:
        env.reject(TIMER_NOT_AT_OFFSET, regno, off=off, at=at)
    if meta.map_index >= 0:
        env.reject(TIMER_TWO_MAPS, regno)
    meta.map_uid = reg.map_uid
    meta.map_index = reg.map_ptr
    meta.inner_map = reg.inner_map
    meta.spec = spec


def const_string(env: VerifierEnv, regno: int) -> bytes:
    """The bytes from a pointer into a frozen read-only map to its end."""
    reg = env.cur_state.frame[-1].regs[regno]
    spec = map_of(env, reg)
    off = reg.off + reg.scalar.var_off.value
    return (spec.initial or b"").ljust(spec.value_size, b"\0")[off:]


def check_reg_const_str(env: VerifierEnv, regno: int) -> None:
    """ARG_PTR_TO_CONST_STR: a terminated string in read-only memory."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type != t.PTR_TO_MAP_VALUE:
        env.reject(STRING_NOT_MAP_VALUE, regno)
    spec = map_of(env, reg)
    if not map_is_rdonly(spec):
        env.reject(STRING_NOT_READ_ONLY, regno)
    if reg.scalar.var_off.mask:
        env.reject(STRING_ADDRESS_NOT_CONSTANT, regno)
    if spec.map_type not in (BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_ARENA):
        env.reject(MAP_WITHOUT_DIRECT_VALUES, regno, errno=EACCES)
    check_map_access(env, regno, reg.off, spec.value_size - reg.off, False, ACCESS_HELPER)
    if spec.map_type != BPF_MAP_TYPE_ARRAY or spec.max_entries != 1:
        env.reject(STRING_NOT_DIRECT, regno)
    if b"\0" not in const_string(env, regno):
        env.reject(STRING_NOT_TERMINATED, regno)
