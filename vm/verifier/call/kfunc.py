"""Calls of kernel functions by BTF id (check_kfunc_call)."""

from __future__ import annotations

from vm.errors import NotEmulated
from vm.isa.insn import Insn
from vm.verifier.env import EINVAL, VerifierEnv


def check_call(env: VerifierEnv, insn: Insn) -> bool:
    """True if the call ends the program by an exception (bpf_throw)."""
    if not insn.imm:
        env.reject(EINVAL, "invalid kernel function call not eliminated in verifier pass\n")
    raise NotEmulated("calls of kernel functions (kfuncs)")
