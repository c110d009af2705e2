"""The program's own BTF: function and line records (check_btf_info_early, check_btf_info)."""

from __future__ import annotations

from vm.btf.types import GLOBAL, Btf, Kind
from vm.program import FuncInfo, LineInfo, Program
from vm.verifier.env import VerifierEnv
from vm.verifier.rules.types import (
    FUNC_INFO_COUNT,
    FUNC_INFO_FIRST,
    FUNC_INFO_LAYOUT,
    FUNC_INFO_ORDER,
    FUNC_INFO_TYPE,
    LD_ABS_RETURN_TYPE,
    LD_ABS_WITHOUT_BTF,
    LINE_INFO_INSTRUCTION,
    LINE_INFO_MISSING,
    LINE_INFO_MISSING_FUNCTIONS,
    LINE_INFO_ORDER,
    TAIL_CALL_RETURN_TYPE,
    TAIL_CALL_WITHOUT_BTF,
)


def func_infos(program: Program) -> tuple[FuncInfo, ...]:
    """The function records that the loader passes to the kernel; none if the object has no BTF for them."""
    if program.btf is None or any(not info.type_id for info in program.func_infos):
        return ()
    return program.func_infos


def line_infos(program: Program) -> tuple[LineInfo, ...]:
    """The line records that the loader passes to the kernel; none without BTF."""
    return program.line_infos if program.btf is not None else ()


def _check_abnormal_return(env: VerifierEnv) -> None:
    for i in range(1, len(env.subprogs)):
        if env.subprogs[i].has_ld_abs:
            env.reject(LD_ABS_WITHOUT_BTF)
        if env.subprogs[i].has_tail_call:
            env.reject(TAIL_CALL_WITHOUT_BTF)


def check_btf_info_early(env: VerifierEnv) -> None:
    """check_btf_func_early(): checks the order and types of function records."""
    infos = func_infos(env.program)
    btf = env.program.btf
    if not infos or btf is None:
        return
    previous = 0
    for i, info in enumerate(infos):
        if i == 0:
            if info.insn_off:
                env.reject(FUNC_INFO_FIRST, off=info.insn_off)
        elif info.insn_off <= previous:
            env.reject(FUNC_INFO_ORDER, off=info.insn_off, previous=previous)
        if not 0 < info.type_id < len(btf) or btf.type(info.type_id).kind is not Kind.FUNC:
            env.reject(FUNC_INFO_TYPE, type_id=info.type_id)
        previous = info.insn_off


def check_btf_info(env: VerifierEnv) -> None:
    """Checks function and line records against the functions in the code."""
    if not func_infos(env.program):
        _check_abnormal_return(env)
    else:
        _check_btf_func(env)
    _check_btf_line(env)


def _returns_scalar(btf: Btf, func_id: int) -> bool:
    """Whether the function returns an enum or an integer of at most eight bytes (btf_type_is_small_int)."""
    returned = btf.skip_modifiers(btf.type(btf.type(func_id).type_id).type_id)
    if returned.kind in (Kind.ENUM, Kind.ENUM64):
        return True
    return returned.kind is Kind.INT and returned.size <= 8


def _check_btf_func(env: VerifierEnv) -> None:
    infos = func_infos(env.program)
    btf = env.program.btf
    assert btf is not None
    if len(infos) != len(env.subprogs):
        env.reject(FUNC_INFO_COUNT)
    for i, info in enumerate(infos):
        subprog = env.subprogs[i]
        func = btf.type(info.type_id)
        subprog.name = func.name
        subprog.type_id = info.type_id
        subprog.is_global = func.linkage == GLOBAL
        if subprog.start != info.insn_off:
            env.reject(FUNC_INFO_LAYOUT)
        if not i or _returns_scalar(btf, info.type_id):
            continue
        if subprog.has_ld_abs:
            env.reject(LD_ABS_RETURN_TYPE)
        if subprog.has_tail_call:
            env.reject(TAIL_CALL_RETURN_TYPE)


def _check_btf_line(env: VerifierEnv) -> None:
    lines = line_infos(env.program)
    if not lines:
        return
    previous = 0
    count = len(env.insns)
    s = 0
    for i, line in enumerate(lines):
        if (i and line.insn_off <= previous) or line.insn_off >= count:
            env.reject(LINE_INFO_ORDER, i=i, off=line.insn_off, previous=previous, count=count)
        if not env.insns[line.insn_off].code:
            env.reject(LINE_INFO_INSTRUCTION, i=i)
        if s != len(env.subprogs):
            start = env.subprogs[s].start
            if line.insn_off == start:
                env.subprogs[s].linfo_idx = i
                s += 1
            elif start < line.insn_off:
                env.reject(LINE_INFO_MISSING, func=s)
        previous = line.insn_off
    if s != len(env.subprogs):
        env.reject(LINE_INFO_MISSING_FUNCTIONS, count=len(env.subprogs) - s, func=s)
