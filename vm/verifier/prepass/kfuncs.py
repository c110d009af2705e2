"""Facts about called kernel functions for the passes before the walk."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Kind
from vm.isa.insn import Insn
from vm.kernel import kfuncs
from vm.kernel.symbols import ksym_address
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.func_model import distill
from vm.verifier.prepass.kfunc_meta import fetch_kfunc_meta, kfunc_name, vmlinux
from vm.verifier.rules.limits import TOO_MANY_KFUNCS
from vm.verifier.rules.policy import KFUNC_DEVICE_BOUND, KFUNC_LICENCE
from vm.verifier.rules.types import (
    KFUNC_MODULE_WITHOUT_ARRAY,
    KFUNC_NOT_A_FUNCTION,
    KFUNC_OFFSET_NEGATIVE,
    KFUNC_WITHOUT_ADDRESS,
)

MAX_KFUNC_DESCS: Final = 256

_KINDS: Final = {
    "bpf_rbtree_add_impl": "sync_callback",
    "bpf_wq_set_callback_impl": "async_callback",
    "bpf_throw": "throw",
}


def add_kfunc_call(env: VerifierEnv, insn: Insn) -> None:
    """add_kfunc_call(): registers the call of a kernel function."""
    if not env.program.gpl_compatible:
        env.reject(KFUNC_LICENCE)
    if not insn.imm and not insn.off:
        # Rejected only if the walk reaches it.
        return
    if insn.off < 0:
        env.reject(KFUNC_OFFSET_NEGATIVE)
    if insn.off:
        # Modules are given by an index into an array that is passed with the program; there is none here.
        env.reject(KFUNC_MODULE_WITHOUT_ARRAY)
    if insn.imm in env.kfuncs:
        return
    if len(env.kfuncs) == MAX_KFUNC_DESCS:
        env.reject(TOO_MANY_KFUNCS)
    btf = vmlinux()
    if not 0 < insn.imm < len(btf) or btf.type(insn.imm).kind is not Kind.FUNC:
        env.reject(KFUNC_NOT_A_FUNCTION, btf_id=insn.imm & 0xFFFFFFFF)
    if ksym_address(btf.type(insn.imm).name) is None:
        env.reject(KFUNC_WITHOUT_ADDRESS, func=btf.type(insn.imm).name)
    if btf.type(insn.imm).name.startswith("bpf_xdp_metadata_"):
        env.reject(KFUNC_DEVICE_BOUND)
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
