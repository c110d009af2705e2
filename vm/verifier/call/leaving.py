"""Checks at the end of a function or callback: released references, and the range of the result."""

from __future__ import annotations

from typing import NoReturn

from vm.bits import S64_MAX, S64_MIN
from vm.verifier.env import VerifierEnv
from vm.verifier.report import need
from vm.verifier.rules.lifetime import REFERENCE_LEAK
from vm.verifier.rules.rule import Rule
from vm.verifier.state.frame import RetvalRange
from vm.verifier.state.reg import RegState


def check_reference_leak(env: VerifierEnv, exception_exit: bool) -> None:
    """check_reference_leak(): references must be released before the end of the program or callback."""
    frame = env.cur_state.frame[-1]
    if not exception_exit and frame.frameno and not frame.in_callback_fn:
        return
    lingering = None
    for ref in frame.refs:
        if not exception_exit and frame.in_callback_fn and ref.callback_ref != frame.frameno:
            continue
        if lingering is not None:
            env.warn(REFERENCE_LEAK, id=lingering.id, insn=lingering.insn_idx)
        lingering = ref
    if lingering is not None:
        env.reject(
            REFERENCE_LEAK, held=("reference",), ref_id=lingering.id, id=lingering.id, insn=lingering.insn_idx
        )  # fmt: skip


def retval_range_within(wanted: RetvalRange, reg: RegState, return_32bit: bool = False) -> bool:
    """Whether every value of `reg` lies in the range."""
    s = reg.scalar
    if return_32bit:
        return wanted.minval <= s.s32_min and s.s32_max <= wanted.maxval
    return wanted.minval <= s.smin and s.smax <= wanted.maxval


def reject_result(
    env: VerifierEnv, rule: Rule, regno: int, wanted: RetvalRange, where: str, register: str
) -> NoReturn:  # fmt: skip
    """verbose_invalid_scalar() and the rejection: the value of register `regno` and the allowed range."""
    s = env.cur_state.frame[-1].regs[regno].scalar
    bounds = f" smin={s.smin}" if s.smin > S64_MIN else ""
    bounds += f" smax={s.smax}" if s.smax < S64_MAX else ""
    env.reject(
        rule, regno, needed=need.result(s.smin, s.smax, wanted.minval, wanted.maxval), where=where, register=register,
        bounds=bounds or " unknown scalar value", minval=wanted.minval, maxval=wanted.maxval,
    )  # fmt: skip
