"""Addresses of kernel variables and functions (check_pseudo_btf_id)."""

from __future__ import annotations

from functools import cache

from vm.btf.types import COMPOSITES, Kind
from vm.isa.insn import Insn
from vm.kernel.symbols import ksym_address
from vm.verifier.env import EINVAL, ENOENT, VerifierEnv
from vm.verifier.kfunc_meta import vmlinux
from vm.verifier.state import reg_types as t
from vm.verifier.state.aux import InsnAux

_SIZED = frozenset({Kind.INT, Kind.PTR, Kind.ARRAY, Kind.ENUM, Kind.ENUM64, Kind.FLOAT})


@cache
def _percpu() -> frozenset[int]:
    """BTF ids of the kernel's per-CPU variables."""
    btf = vmlinux()
    section = btf.find(".data..percpu", Kind.DATASEC)
    return frozenset(v.type_id for v in section.variables) if section is not None else frozenset()


def check_pseudo_btf_id(env: VerifierEnv, insn: Insn, second: Insn, aux: InsnAux) -> None:
    """What a load of a kernel symbol's address leaves in the register: aux.btf_var_*."""
    if second.imm:
        # The BTF of a module, by a file descriptor; here there is none.
        env.reject(EINVAL, "invalid module BTF object FD specified.\n")
    btf = vmlinux()
    if not 0 <= insn.imm < len(btf):
        env.reject(ENOENT, f"ldimm64 insn specifies invalid btf_id {insn.imm}.\n")
    symbol = btf.type(insn.imm)
    if symbol.kind not in (Kind.VAR, Kind.FUNC):
        env.reject(EINVAL, f"pseudo btf_id {insn.imm} in ldimm64 isn't KIND_VAR or KIND_FUNC\n")
    if ksym_address(symbol.name) is None:
        env.reject(ENOENT, f"ldimm64 failed to find the address for kernel symbol '{symbol.name}'.\n")
    aux.sym = symbol.name
    if symbol.kind is Kind.FUNC:
        aux.btf_var_type = t.PTR_TO_MEM | t.MEM_RDONLY
        return
    found = btf.skip_modifiers(symbol.type_id)
    if insn.imm in _percpu() or found.kind in COMPOSITES:
        aux.btf_var_type = t.PTR_TO_BTF_ID | (t.MEM_PERCPU if insn.imm in _percpu() else 0)
        aux.btf_var_btf = btf
        aux.btf_var_btf_id = symbol.type_id
        return
    if found.kind not in _SIZED:
        env.reject(EINVAL, f"ldimm64 unable to resolve the size of type '{symbol.name}': -22\n")
    aux.btf_var_type = t.PTR_TO_MEM | t.MEM_RDONLY
    aux.btf_var_mem_size = btf.size_of(found.id)
