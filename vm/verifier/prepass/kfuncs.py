"""What the passes before the walk must know of a called kernel function."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Kind
from vm.isa.insn import Insn
from vm.kernel import kfuncs
from vm.kernel.symbols import ksym_address
from vm.verifier.env import E2BIG, EINVAL, EPROTO, VerifierEnv
from vm.verifier.kfunc_meta import fetch_kfunc_meta, kfunc_name, vmlinux
from vm.verifier.prepass.func_model import distill

MAX_KFUNC_DESCS: Final = 256

_KINDS: Final = {
    "bpf_rbtree_add_impl": "sync_callback",
    "bpf_wq_set_callback_impl": "async_callback",
    "bpf_throw": "throw",
}


def add_kfunc_call(env: VerifierEnv, insn: Insn) -> None:
    """Accept the call of a kernel function as one the program may make later (add_kfunc_call)."""
    if not env.program.gpl_compatible:
        env.reject(EINVAL, "cannot call kernel function from non-GPL compatible program\n")
    if not insn.imm and not insn.off:
        # Refused only if the walk reaches it.
        return
    if insn.off < 0:
        env.verbose("negative offset disallowed for kernel module function call\n")
        env.reject(EINVAL, "failed to find BTF for kernel function\n")
    if insn.off:
        # Modules are named by their place in an array that is given with the program; here there is none.
        env.verbose("kfunc offset > 0 without fd_array is invalid\n")
        env.reject(EPROTO, "failed to find BTF for kernel function\n")
    if insn.imm in env.kfuncs:
        return
    if len(env.kfuncs) == MAX_KFUNC_DESCS:
        env.reject(E2BIG, "too many different kernel function calls\n")
    btf = vmlinux()
    if not 0 < insn.imm < len(btf) or btf.type(insn.imm).kind is not Kind.FUNC:
        env.reject(EINVAL, f"kernel btf_id {insn.imm & 0xFFFFFFFF} is not a function\n")
    if ksym_address(btf.type(insn.imm).name) is None:
        env.reject(EINVAL, f"cannot find address for kernel function {btf.type(insn.imm).name}\n")
    if btf.type(insn.imm).name.startswith("bpf_xdp_metadata_"):
        env.reject(EINVAL, "metadata kfuncs require device-bound program\n")
    env.kfuncs.add(insn.imm)
    func = btf.type(insn.imm)
    distill(env, btf, btf.type(func.type_id), func.name)


def kfunc_call_kind(env: VerifierEnv, insn: Insn) -> str:
    """One of sync_callback, async_callback, throw, iter_next, or "" for all others."""
    kind = _KINDS.get(kfunc_name(insn), "")
    if kind:
        return kind
    meta = fetch_kfunc_meta(env, insn)
    return "iter_next" if meta is not None and meta.has(kfuncs.KF_ITER_NEXT) else ""
