"""Addresses of kernel variables and functions (check_pseudo_btf_id)."""

from __future__ import annotations

from functools import cache

from vm.btf.types import COMPOSITES, Kind
from vm.isa.insn import Insn
from vm.kernel.symbols import ksym_address
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.kfunc_meta import vmlinux
from vm.verifier.rules.types import KSYM_BTF_ID, KSYM_KIND, KSYM_SIZE, KSYM_WITHOUT_ADDRESS, MODULE_BTF_FD
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
    """The register value after a load of a kernel symbol's address: aux.btf_var_*."""
    if second.imm:
        # The BTF of a module, by file descriptor; there is none here.
        env.reject(MODULE_BTF_FD)
    btf = vmlinux()
    if not 0 <= insn.imm < len(btf):
        env.reject(KSYM_BTF_ID, btf_id=insn.imm)
    symbol = btf.type(insn.imm)
    if symbol.kind not in (Kind.VAR, Kind.FUNC):
        env.reject(KSYM_KIND, btf_id=insn.imm)
    if ksym_address(symbol.name) is None:
        env.reject(KSYM_WITHOUT_ADDRESS, symbol=symbol.name)
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
        env.reject(KSYM_SIZE, symbol=symbol.name)
    aux.btf_var_type = t.PTR_TO_MEM | t.MEM_RDONLY
    aux.btf_var_mem_size = btf.size_of(found.id)
