"""What only the rewriting of a walked program finds out, and refuses (passes of bpf_check() after do_check_main)."""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.verifier.classify import is_pseudo_func, is_pseudo_kfunc_call
from vm.verifier.env import EINVAL, EOPNOTSUPP, VerifierEnv
from vm.verifier.fixups import rewrite
from vm.verifier.fixups.convert import unconvertible
from vm.verifier.state.reg_types import PTR_TO_ARENA

_SIGN_EXTENDING: Final = frozenset(o.LDX | o.MEMSX | size for size in (o.B, o.H, o.W))


def check_rewritable(env: VerifierEnv) -> None:
    """Reject accesses and calls that cannot be rewritten; what no path reaches does not count."""
    for insn, aux in zip(env.insns, env.aux, strict=True):
        if aux.ptr_type == PTR_TO_ARENA and aux.seen and insn.code in _SIGN_EXTENDING:
            env.reject(EOPNOTSUPP, "sign extending loads from arena are not supported yet\n")
    if unconvertible(env.insns, env.aux, env.program.prog_type):
        env.reject(EINVAL, "bpf verifier is misconfigured\n")
    for insn, aux in zip(env.insns, env.aux, strict=True):
        if not insn.imm and aux.seen and is_pseudo_kfunc_call(insn):
            env.reject(EINVAL, "invalid kernel function call not eliminated in verifier pass\n")
    if _names_a_removed_function(env):
        rewrite(env)


def _names_a_removed_function(env: VerifierEnv) -> bool:
    """Whether a function goes as unreachable of which an address is still loaded."""
    unreached = {info.start for info in env.subprogs if not env.aux[info.start].seen}
    return bool(unreached) and any(
        aux.seen and is_pseudo_func(insn) and i + insn.imm + 1 in unreached
        for i, (insn, aux) in enumerate(zip(env.insns, env.aux, strict=True))
    )
