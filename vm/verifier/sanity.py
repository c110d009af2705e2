"""A register's bounds after an operation, checked for contradictions (reg_bounds_sanity_check())."""

from __future__ import annotations

from vm.bits import U32, U64
from vm.verifier.domain.scalar import Scalar, unbounded, violation
from vm.verifier.env import VerifierEnv
from vm.verifier.rules.notes import INVARIANTS_VIOLATION
from vm.verifier.rules.register import REGISTER_INVARIANTS


def sane(env: VerifierEnv, s: Scalar, ctx: str) -> Scalar:
    """`s`, or without bounds if they contradict each other (a dead branch), which the log says.

    ctx -- where it was found, as the kernel names it: "alu", "true_reg1" …
    """
    if (
        s.umin == s.umax == s.var_off.value
        and s.var_off.mask == 0
        and s.smin == s.smax
        and s.u32_min == s.u32_max
        and s.s32_min == s.s32_max
    ):
        return s
    found = violation(s)
    if not found:
        return s
    env.note(
        INVARIANTS_VIOLATION, where=ctx, found=found, umin=s.umin, umax=s.umax, smin=s.smin & U64,
        smax=s.smax & U64, u32_min=s.u32_min, u32_max=s.u32_max, s32_min=s.s32_min & U32, s32_max=s.s32_max & U32,
        value=s.var_off.value, mask=s.var_off.mask,
    )  # fmt: skip
    if env.test_reg_invariants:
        env.reject(REGISTER_INVARIANTS)
    return unbounded(s.var_off)
