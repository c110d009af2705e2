"""What the passes before the walk must know of a called kernel function."""

from __future__ import annotations

from vm.errors import NotEmulated
from vm.isa.insn import Insn
from vm.verifier.env import EINVAL, VerifierEnv


def add_kfunc_call(env: VerifierEnv, insn: Insn) -> None:
    """Accept the call of a kernel function as one the program may make later (add_kfunc_call)."""
    if not env.program.gpl_compatible:
        env.reject(EINVAL, "cannot call kernel function from non-GPL compatible program\n")
    if not insn.imm and not insn.off:
        # Refused only if the walk reaches it.
        return
    raise NotEmulated("calls of kernel functions (kfuncs)")


def kfunc_call_kind(env: VerifierEnv, insn: Insn) -> str:
    """One of sync_callback, async_callback, iter_next, or "" for all others."""
    return ""
