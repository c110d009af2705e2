"""Start and end of the functions of a program (add_subprog_and_kfunc, check_subprogs)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import GLOBAL, Kind
from vm.isa import opcodes as op
from vm.kernel import func_ids
from vm.kernel.errno import ENOENT
from vm.verifier.env import VerifierEnv
from vm.verifier.events import BPF_LOG_LEVEL2
from vm.verifier.prepass.btf_info import func_infos
from vm.verifier.prepass.classify import (
    CALL_INSN,
    EXIT_INSN,
    JA32_INSN,
    JA_INSN,
    is_pseudo_call,
    is_pseudo_func,
    is_pseudo_kfunc_call,
)
from vm.verifier.prepass.kfuncs import add_kfunc_call
from vm.verifier.rules.limits import TOO_MANY_FUNCTIONS
from vm.verifier.rules.policy import FUNCTION_CALLS_PRIVILEGE
from vm.verifier.rules.structure import CALL_DESTINATION, FALL_THROUGH_END, JUMP_OUT_OF_RANGE
from vm.verifier.rules.types import (
    EXCEPTION_CALLBACK_LINKAGE,
    EXCEPTION_CALLBACK_MISSING,
    EXCEPTION_CALLBACK_NOT_IN_FUNC_INFO,
    EXCEPTION_CALLBACK_OFFSET,
    EXCEPTION_CALLBACK_TWICE,
)
from vm.verifier.state.aux import SubprogInfo

BPF_MAX_SUBPROGS: Final = 256

_ENDINGS: Final = frozenset({EXIT_INSN, JA_INSN, JA32_INSN})


def find_containing_subprog(env: VerifierEnv, off: int) -> int:
    """Index of the function that contains slot `off`, -1 if there is none."""
    if off < 0 or off >= len(env.insns) or not env.subprogs:
        return -1
    low, high = 0, len(env.subprogs) - 1
    while low < high:
        mid = low + (high - low + 1) // 2
        if env.subprogs[mid].start <= off:
            low = mid
        else:
            high = mid - 1
    return low


def subprog_end(env: VerifierEnv, idx: int) -> int:
    """The slot after the last one of function `idx`."""
    return env.subprogs[idx + 1].start if idx + 1 < len(env.subprogs) else len(env.insns)


def find_subprog(env: VerifierEnv, off: int) -> int:
    """Index of the function that starts exactly at slot `off`, -ENOENT if none does."""
    idx = find_containing_subprog(env, off)
    if idx < 0 or env.subprogs[idx].start != off:
        return -ENOENT
    return idx


def _add_subprog(env: VerifierEnv, off: int) -> None:
    if off < 0 or off >= len(env.insns):
        env.reject(CALL_DESTINATION)
    if find_subprog(env, off) >= 0:
        return
    if len(env.subprogs) >= BPF_MAX_SUBPROGS:
        env.reject(TOO_MANY_FUNCTIONS)
    env.subprogs.append(SubprogInfo(off))
    env.subprogs.sort(key=lambda info: info.start)


def _find_exception_callback_insn_off(env: VerifierEnv) -> int:
    """Slot of the function that the main program's declaration tag names as exception callback, 0 if there is none."""
    infos = func_infos(env.program)
    btf = env.program.btf
    if not infos or btf is None:
        return 0
    tag = "exception_callback:"
    names = [
        t.name[len(tag) :]
        for t in btf
        if t.kind is Kind.DECL_TAG and t.type_id == infos[0].type_id and t.component == -1 and t.name.startswith(tag)
    ]
    if not names:
        return 0
    if len(names) > 1:
        env.reject(EXCEPTION_CALLBACK_TWICE)
    name = names[0]
    func = btf.find(name, Kind.FUNC)
    if func is None:
        env.reject(EXCEPTION_CALLBACK_MISSING, name=name)
    if func.linkage != GLOBAL:
        env.reject(EXCEPTION_CALLBACK_LINKAGE, name=name)
    off = 0
    for info in infos:
        if info.type_id == func.id:
            off = info.insn_off
            if not off:
                env.reject(EXCEPTION_CALLBACK_OFFSET)
    if not off:
        env.reject(EXCEPTION_CALLBACK_NOT_IN_FUNC_INFO)
    return off


def add_subprog_and_kfunc(env: VerifierEnv) -> None:
    """Fill env.subprogs from the calls and function addresses of the program, a sentinel at its end.

    The sentinel's `start` is the number of slots; len(env.subprogs) does not count it.
    """
    _add_subprog(env, 0)
    for i, insn in enumerate(env.insns):
        env.insn_idx = i
        if is_pseudo_func(insn) or is_pseudo_call(insn):
            _require_bpf_capable(env)
            _add_subprog(env, i + insn.imm + 1)
        elif is_pseudo_kfunc_call(insn):
            _require_bpf_capable(env)
            add_kfunc_call(env, insn)
    ex_cb_insn = _find_exception_callback_insn_off(env)
    if ex_cb_insn:
        _add_subprog(env, ex_cb_insn)
        idx = find_subprog(env, ex_cb_insn)
        env.exception_callback_subprog = idx
        info = env.subprogs[idx]
        info.is_cb = info.is_async_cb = info.is_exception_cb = True
    if env.log.level & BPF_LOG_LEVEL2:
        for i, info in enumerate(env.subprogs):
            env.verbose(f"func#{i} @{info.start}\n")


def _require_bpf_capable(env: VerifierEnv) -> None:
    if not env.bpf_capable:
        env.reject(FUNCTION_CALLS_PRIVILEGE)


def check_subprogs(env: VerifierEnv) -> None:
    """check_subprogs(): rejects jumps out of functions, and functions that fall through to the next one.

    Also records which functions make tail calls or contain LD_ABS / LD_IND.
    """
    cur = 0
    info = env.subprogs[0]
    end = subprog_end(env, 0)
    for i, insn in enumerate(env.insns):
        code = insn.code
        env.insn_idx = i
        insn_class = code & 7
        if code == CALL_INSN and insn.src_reg == 0 and insn.imm == func_ids.TAIL_CALL:
            info.has_tail_call = True
            info.tail_call_reachable = True
        if insn_class == op.LD and code & 0xE0 in (op.ABS, op.IND):
            info.has_ld_abs = True
        if insn_class in (op.JMP, op.JMP32) and code & 0xF0 not in (op.EXIT, op.CALL):
            off = i + 1 + (insn.imm if code == JA32_INSN else insn.off)
            if off < info.start or off >= end:
                env.reject(JUMP_OUT_OF_RANGE, insn=i, target=off)
        if i == end - 1:
            if code not in _ENDINGS:
                env.reject(FALL_THROUGH_END)
            cur += 1
            if cur < len(env.subprogs):
                info = env.subprogs[cur]
                end = subprog_end(env, cur)
