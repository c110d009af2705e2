"""What is known of a called kernel function, and learnt while its arguments are checked (fetch_kfunc_meta)."""

from __future__ import annotations

from typing import final

from vm.btf.types import Btf, Kind, Type
from vm.isa.insn import Insn
from vm.kernel import kfuncs
from vm.verifier.env import VerifierEnv
from vm.verifier.record import RecordField
from vm.verifier.state.reg import RegState


def vmlinux() -> Btf:
    """The kernel's own BTF."""
    from vm.kernel.btf import kernel_btf

    return kernel_btf()


@final
class KfuncMeta:
    """struct bpf_kfunc_call_arg_meta. `constant` is the value of its one constant argument, None before it was seen."""

    __slots__ = (
        "name", "func_id", "btf", "proto", "flags", "ref_obj_id", "release_regno", "constant", "r0_size", "r0_rdonly",
        "subprogno", "dynptr", "iter_spi", "iter_frameno", "ret_btf_id", "map_index", "inner_map", "map_uid",
        "arg_btf", "arg_btf_id", "arg_owning_ref", "graph_field",
    )  # fmt: skip

    def __init__(self, name: str, func_id: int, btf: Btf, proto: Type, flags: int) -> None:
        self.name: str = name
        self.func_id: int = func_id
        self.btf: Btf = btf
        self.proto: Type = proto
        self.flags: int = flags
        self.ref_obj_id: int = 0
        self.release_regno: int = 0
        self.constant: int | None = None
        self.r0_size: int = 0
        self.r0_rdonly: bool = False
        self.subprogno: int = 0
        self.dynptr: RegState | None = None
        self.iter_spi: int = 0
        self.iter_frameno: int = 0
        self.ret_btf_id: int = 0
        self.map_index: int = -1
        self.inner_map: bool = False
        self.map_uid: int = 0
        self.arg_btf: Btf | None = None
        self.arg_btf_id: int = 0
        self.arg_owning_ref: bool = False
        self.graph_field: RecordField | None = None

    @property
    def trusted_args(self) -> bool:
        """Takes nothing but trusted pointers."""
        return self.flags & (kfuncs.KF_TRUSTED_ARGS | kfuncs.KF_RELEASE) != 0

    def has(self, flag: int) -> bool:
        return self.flags & flag != 0


def kfunc_name(insn: Insn) -> str:
    """Name of the kernel function an instruction calls, "" if its id is none's."""
    btf = vmlinux()
    if insn.off or not 0 < insn.imm < len(btf):
        return ""
    found = btf.type(insn.imm)
    return found.name if found.kind is Kind.FUNC else ""


def fetch_kfunc_meta(env: VerifierEnv, insn: Insn) -> KfuncMeta | None:
    """None if the program may not call it."""
    name = kfunc_name(insn)
    if not name:
        return None
    program = env.program
    flags = kfuncs.kfunc_flags(name, program.prog_type, program.expected_attach_type)
    if flags is None:
        return None
    btf = vmlinux()
    return KfuncMeta(name, insn.imm, btf, btf.type(btf.type(insn.imm).type_id), flags)
