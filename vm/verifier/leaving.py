"""What has to hold when a function or callback is left: nothing still held, a result in its range."""

from __future__ import annotations

from vm.bits import S64_MAX, S64_MIN
from vm.verifier.env import EINVAL, VerifierEnv
from vm.verifier.state.frame import RetvalRange
from vm.verifier.state.reg import RegState


def check_reference_leak(env: VerifierEnv, exception_exit: bool) -> None:
    """Whatever was acquired has to be released: at the end of the program, or of the callback that acquired it."""
    frame = env.cur_state.frame[-1]
    if not exception_exit and frame.frameno and not frame.in_callback_fn:
        return
    lingering = 0
    for ref in frame.refs:
        if not exception_exit and frame.in_callback_fn and ref.callback_ref != frame.frameno:
            continue
        env.verbose(f"Unreleased reference id={ref.id} alloc_insn={ref.insn_idx}\n")
        lingering = lingering or ref.id
    if lingering:
        env.reject(EINVAL, "", held=("reference",), ref_id=lingering)


def retval_range_within(wanted: RetvalRange, reg: RegState, return_32bit: bool = False) -> bool:
    """Whether every value of `reg` lies in the range."""
    s = reg.scalar
    if return_32bit:
        return wanted.minval <= s.s32_min and s.s32_max <= wanted.maxval
    return wanted.minval <= s.smin and s.smax <= wanted.maxval


def say_invalid_scalar(env: VerifierEnv, reg: RegState, wanted: RetvalRange, ctx: str, reg_name: str) -> None:
    """verbose_invalid_scalar(): what was returned and what should have been."""
    s = reg.scalar
    text = f"{ctx} the register {reg_name} has"
    if s.smin > S64_MIN:
        text += f" smin={s.smin}"
    if s.smax < S64_MAX:
        text += f" smax={s.smax}"
    if s.smin == S64_MIN and s.smax == S64_MAX:
        text += " unknown scalar value"
    env.verbose(f"{text} should have been in [{wanted.minval}, {wanted.maxval}]\n")
