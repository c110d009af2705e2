"""A register's bounds after an operation, checked for contradictions (reg_bounds_sanity_check())."""

from __future__ import annotations

from vm.bits import U32, U64
from vm.verifier.domain.scalar import Scalar, unbounded, violation
from vm.verifier.env import EFAULT, VerifierEnv


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
    env.verbose(
        f"REG INVARIANTS VIOLATION ({ctx}): {found} u64=[{s.umin:#x}, {s.umax:#x}] "
        f"s64=[{s.smin & U64:#x}, {s.smax & U64:#x}] u32=[{s.u32_min:#x}, {s.u32_max:#x}] "
        f"s32=[{s.s32_min & U32:#x}, {s.s32_max & U32:#x}] "
        f"var_off=({s.var_off.value:#x}, {s.var_off.mask:#x})\n"
    )
    if env.test_reg_invariants:
        env.reject(EFAULT, "")
    return unbounded(s.var_off)
