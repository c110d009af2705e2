"""Callbacks: functions of the program that helpers call (push_callback_call)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.program import MapSpec
from vm.verifier.call.frames import setup_func_entry
from vm.verifier.call.func_args import check_subprog_call
from vm.verifier.env import BPF_COMPLEXITY_LIMIT_JMP_SEQ, VerifierEnv
from vm.verifier.mem.btf_ptr import kernel_struct_id, vmlinux
from vm.verifier.mem.dynptr_slots import dynptr_reg
from vm.verifier.prepass.classify import is_async_callback_calling_function
from vm.verifier.rules.limits import ASYNC_JUMP_SEQUENCE_TOO_LONG
from vm.verifier.rules.policy import CALLBACK_FOR_MAP_TYPE
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import BPF_MAIN_FUNC, FuncState, RetvalRange
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer, unknown_scalar
from vm.verifier.state.vstate import VerifierState

SetCallee = Callable[[VerifierEnv, FuncState, FuncState], None]

_BOOL: Final = RetvalRange(0, 1)
_HAS_FOR_EACH: Final = frozenset(
    {
        k.BPF_MAP_TYPE_HASH, k.BPF_MAP_TYPE_PERCPU_HASH, k.BPF_MAP_TYPE_LRU_HASH, k.BPF_MAP_TYPE_LRU_PERCPU_HASH,
        k.BPF_MAP_TYPE_ARRAY, k.BPF_MAP_TYPE_PERCPU_ARRAY,
    }
)  # fmt: skip


def pass_reg(callee: FuncState, regno: int, caller: FuncState, from_regno: int) -> None:
    """Copies a register of the caller to the callee, including its liveness parent."""
    callee.regs[regno] = caller.regs[from_regno]
    callee.live.adopt(regno, caller.live, from_regno)


def _unused(callee: FuncState, first: int) -> None:
    for regno in range(first, 6):
        callee.regs[regno] = NOT_INIT_REG


def _map_pointer(reg_type: int, like: RegState) -> RegState:
    reg = pointer(reg_type)
    reg.map_ptr = like.map_ptr
    reg.inner_map = like.inner_map
    reg.map_uid = like.map_uid
    return reg


def _sync_callback(callee: FuncState) -> None:
    callee.in_callback_fn = True
    callee.callback_ret_range = _BOOL


def map_elem_callback(spec: MapSpec | None) -> SetCallee:
    """callback(map, key, value, ctx) of bpf_for_each_map_elem(map, callback, ctx, flags)."""

    def set_state(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
        if spec is None or spec.map_type not in _HAS_FOR_EACH:
            env.reject(CALLBACK_FOR_MAP_TYPE)
        pass_reg(callee, 1, caller, 1)
        callee.regs[2] = _map_pointer(t.PTR_TO_MAP_KEY, caller.regs[1])
        callee.regs[3] = _map_pointer(t.PTR_TO_MAP_VALUE, caller.regs[1])
        pass_reg(callee, 4, caller, 3)
        _unused(callee, 5)
        _sync_callback(callee)

    return set_state


def loop_callback(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    """callback(index, ctx) of bpf_loop(count, callback, ctx, flags)."""
    callee.regs[1] = unknown_scalar(not env.bpf_capable)
    pass_reg(callee, 2, caller, 3)
    _unused(callee, 3)
    _sync_callback(callee)


def timer_callback(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    """callback(map, key, value) of bpf_timer_set_callback(timer, callback)."""
    for regno, reg_type in ((1, t.CONST_PTR_TO_MAP), (2, t.PTR_TO_MAP_KEY), (3, t.PTR_TO_MAP_VALUE)):
        callee.regs[regno] = _map_pointer(reg_type, caller.regs[1])
    _unused(callee, 4)
    callee.in_async_callback_fn = True
    callee.callback_ret_range = _BOOL


def find_vma_callback(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    """callback(task, vma, ctx) of bpf_find_vma(task, addr, callback, ctx, flags)."""
    pass_reg(callee, 1, caller, 1)
    vma = pointer(t.PTR_TO_BTF_ID)
    vma.btf = vmlinux()
    vma.btf_id = kernel_struct_id("vm_area_struct")
    callee.regs[2] = vma
    pass_reg(callee, 3, caller, 4)
    _unused(callee, 4)
    _sync_callback(callee)


def user_ringbuf_callback(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    """callback(dynptr, ctx) of bpf_user_ringbuf_drain(map, callback, ctx, flags)."""
    callee.regs[0] = NOT_INIT_REG
    callee.regs[1] = dynptr_reg(t.BPF_DYNPTR_TYPE_LOCAL, True, env.new_id())
    pass_reg(callee, 2, caller, 3)
    _unused(callee, 3)
    _sync_callback(callee)


def _push_async_cb(env: VerifierEnv, subprogno: int, insn_idx: int, in_sleepable: bool) -> FuncState:
    """push_async_cb(): a separate path with an empty stack."""
    st = VerifierState()
    st.in_sleepable = in_sleepable
    st.insn_hist_start = st.insn_hist_end = env.cur_state.insn_hist_end
    frame = FuncState(BPF_MAIN_FUNC, 0, subprogno)
    env.mark_verifier_state_scratched()
    st.frame.append(frame)
    if len(env.head) + 1 > BPF_COMPLEXITY_LIMIT_JMP_SEQ:
        env.reject(ASYNC_JUMP_SEQUENCE_TOO_LONG, count=len(env.head) + 1)
    env.push_elem(st, env.subprogs[subprogno].start, insn_idx)
    return frame


def push_callback_call(
    env: VerifierEnv, insn: Insn, insn_idx: int, subprogno: int, set_callee_state: SetCallee, in_sleepable: bool = False
) -> None:
    """Pushes a path into the callback; the current path continues after the call. in_sleepable: for a work queue."""
    caller = env.cur_state.frame[-1]
    check_subprog_call(env, subprogno)
    sub = env.subprogs[subprogno]
    sub.is_cb = True
    if in_sleepable or (insn.src_reg == 0 and is_async_callback_calling_function(insn.imm)):
        sub.is_async_cb = True
        callee = _push_async_cb(env, subprogno, insn_idx, in_sleepable)
        callee.async_entry_cnt = caller.async_entry_cnt + 1
        set_callee_state(env, caller, callee)
        return
    state = env.push_stack(sub.start, insn_idx, False)
    setup_func_entry(env, subprogno, insn_idx, set_callee_state, state)
    state.callback_unroll_depth += 1
    state.frame[-2].callback_depth += 1
    caller.callback_depth = 0
