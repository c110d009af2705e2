"""A kernel function that a program calls: its declaration, its flags, and facts from one call (fetch_kfunc_meta)."""

from __future__ import annotations

from typing import Final, final

from vm.btf.types import Btf, Kind, Param, Type
from vm.isa.insn import Insn
from vm.kernel import kfuncs as kf
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.record import RecordField


def vmlinux() -> Btf:
    """The kernel's own BTF."""
    from vm.kernel.btf import kernel_btf

    return kernel_btf()


SCALAR_KINDS: Final = frozenset({Kind.INT, Kind.ENUM, Kind.ENUM64})

LIST_PUSH: Final = frozenset({"bpf_list_push_front_impl", "bpf_list_push_back_impl"})
LIST_POP: Final = frozenset({"bpf_list_pop_front", "bpf_list_pop_back"})
LIST_API: Final = LIST_PUSH | LIST_POP
RBTREE_API: Final = frozenset({"bpf_rbtree_add_impl", "bpf_rbtree_remove", "bpf_rbtree_first"})
GRAPH_API: Final = LIST_API | RBTREE_API | {"bpf_refcount_acquire_impl"}

# special_kfunc_set: what these return depends on more than their declaration.
SPECIAL: Final = GRAPH_API | {
    "bpf_obj_new_impl", "bpf_obj_drop_impl", "bpf_cast_to_kern_ctx", "bpf_rdonly_cast", "bpf_dynptr_from_skb",
    "bpf_dynptr_from_xdp", "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr", "bpf_dynptr_clone", "bpf_percpu_obj_new_impl",
    "bpf_percpu_obj_drop_impl", "bpf_throw", "bpf_wq_set_callback_impl", "bpf_iter_css_task_new",
}  # fmt: skip


def kind_str(found: Type) -> str:
    """btf_type_str(): the name of the kind in messages."""
    return "UNKNOWN" if found.kind is Kind.VOID else found.kind.name


@final
class KfuncMeta:
    """struct bpf_kfunc_call_arg_meta. iter_spi -1: no iterator argument; map_index -1: no map."""

    __slots__ = (
        "btf", "name", "func_id", "flags", "proto", "ref_obj_id", "release_regno", "subprogno", "map_index",
        "inner_map", "map_uid", "arg_constant", "arg_btf", "arg_btf_id", "arg_owning_ref", "r0_rdonly", "r0_size",
        "ret_btf_id", "root", "dynptr_id", "dynptr_type", "dynptr_ref_obj_id", "iter_spi", "iter_frameno",
    )  # fmt: skip

    def __init__(self, btf: Btf, func: Type, flags: int) -> None:
        self.btf: Btf = btf
        self.name: str = func.name
        self.func_id: int = func.id
        self.flags: int = flags
        self.proto: Type = btf.type(func.type_id)
        self.ref_obj_id: int = 0
        self.release_regno: int = 0
        self.subprogno: int = 0
        self.map_index: int = -1
        self.inner_map: bool = False
        self.map_uid: int = 0
        self.arg_constant: int | None = None
        self.arg_btf: Btf | None = None
        self.arg_btf_id: int = 0
        self.arg_owning_ref: bool = False
        self.r0_rdonly: bool = False
        self.r0_size: int = 0
        self.ret_btf_id: int = 0
        self.root: RecordField | None = None  # the list head or tree root that was passed
        self.dynptr_id: int = 0
        self.dynptr_type: int = 0
        self.dynptr_ref_obj_id: int = 0
        self.iter_spi: int = -1
        self.iter_frameno: int = 0

    def has(self, flag: int) -> bool:
        return self.flags & flag != 0

    @property
    def releases(self) -> bool:
        return self.flags & kf.KF_RELEASE != 0

    @property
    def acquires(self) -> bool:
        return self.flags & kf.KF_ACQUIRE != 0

    @property
    def trusted_args(self) -> bool:
        return self.flags & (kf.KF_TRUSTED_ARGS | kf.KF_RELEASE) != 0

    @property
    def is_rcu(self) -> bool:
        return self.flags & kf.KF_RCU != 0

    @property
    def sleepable(self) -> bool:
        return self.flags & kf.KF_SLEEPABLE != 0

    @property
    def is_iter(self) -> bool:
        return self.flags & (kf.KF_ITER_NEW | kf.KF_ITER_NEXT | kf.KF_ITER_DESTROY) != 0

    @property
    def may_return_null(self) -> bool:
        if self.name == "bpf_refcount_acquire_impl" and self.arg_owning_ref:
            return False
        return self.flags & kf.KF_RET_NULL != 0


def has_suffix(param: Param, suffix: str) -> bool:
    """btf_param_match_suffix(): the suffix of a parameter's name selects its convention."""
    return len(param.name) > len(suffix) and param.name.endswith(suffix)


def kfunc_name(insn: Insn) -> str:
    """Name of the kernel function that an instruction calls, "" for an unknown id."""
    btf = vmlinux()
    if insn.off or not 0 < insn.imm < len(btf):
        return ""
    found = btf.type(insn.imm)
    return found.name if found.kind is Kind.FUNC else ""


def fetch_kfunc_meta(env: VerifierEnv, insn: Insn) -> KfuncMeta | None:
    """fetch_kfunc_meta(); None if the program may not call the function."""
    name = kfunc_name(insn)
    program = env.program
    flags = kf.kfunc_flags(name, program.prog_type, program.expected_attach_type) if name else None
    return KfuncMeta(vmlinux(), vmlinux().type(insn.imm), flags) if flags is not None else None
