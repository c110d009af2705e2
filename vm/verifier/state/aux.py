"""What the walk records for each instruction and each subprogram (struct bpf_insn_aux_data, bpf_subprog_info)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from vm.namedtuples import NamedTuple
from vm.verifier.state.reg_types import NOT_INIT

if TYPE_CHECKING:
    from vm.btf.types import Btf


@final
class InsnAux:
    """struct bpf_insn_aux_data; the kernel's unions are spelt out.

    map_index: index into Program.maps of a pseudo map load, -1 none; map_off: its offset into the value.
    map_ptr: the map a helper call or tail call always gets, -1 unset, -2 poisoned (several).
    arg_size…: see the field's user.
    """

    __slots__ = (
        "ptr_type", "map_index", "map_off", "map_ptr", "map_ptr_unpriv", "map_inner", "map_key_state", "call_imm",
        "alu_limit", "alu_state", "btf_var_type", "btf_var_btf", "btf_var_btf_id", "btf_var_mem_size",
        "loop_initialized", "loop_fit_for_inline", "loop_callback_subprogno", "obj_new_size", "insert_off",
        "kptr_struct_meta", "ctx_field_size", "seen", "sanitize_stack_spill", "zext_dst", "needs_zext",
        "storage_get_func_atomic", "is_iter_next", "call_with_percpu_alloc_ptr", "fastcall_pattern",
        "fastcall_spills_num", "orig_idx", "jmp_point", "prune_point", "force_checkpoint", "calls_callback",
        "jump_target", "sym",
    )  # fmt: skip

    def __init__(self, orig_idx: int) -> None:
        self.ptr_type: int = NOT_INIT
        self.map_index: int = -1
        self.map_off: int = 0
        self.map_ptr: int = -1
        self.map_ptr_unpriv: bool = False
        self.map_inner: bool = False
        self.map_key_state: int = 0
        self.call_imm: int = 0
        self.alu_limit: int = 0
        self.alu_state: int = 0
        self.btf_var_type: int = 0
        self.btf_var_btf: Btf | None = None
        self.btf_var_btf_id: int = 0
        self.btf_var_mem_size: int = 0
        self.loop_initialized: bool = False
        self.loop_fit_for_inline: bool = False
        self.loop_callback_subprogno: int = 0
        self.obj_new_size: int = 0
        self.insert_off: int = 0
        self.kptr_struct_meta: int = 0
        self.ctx_field_size: int = 0
        self.seen: int = 0
        self.sanitize_stack_spill: bool = False
        self.zext_dst: bool = False
        self.needs_zext: bool = False
        self.storage_get_func_atomic: bool = False
        self.is_iter_next: bool = False
        self.call_with_percpu_alloc_ptr: bool = False
        self.fastcall_pattern: bool = False
        self.fastcall_spills_num: int = 0
        self.orig_idx: int = orig_idx
        self.jmp_point: bool = False
        self.prune_point: bool = False
        self.force_checkpoint: bool = False
        self.calls_callback: bool = False
        self.jump_target: bool = False
        self.sym: str = ""


class SubprogArg(NamedTuple):
    """struct bpf_subprog_arg_info; arg_type is an enum bpf_arg_type with flags."""

    arg_type: int
    mem_size: int = 0
    btf_id: int = 0


@final
class SubprogInfo:
    """struct bpf_subprog_info and what bpf_func_info_aux adds. `start` is the slot it begins at."""

    __slots__ = (
        "start", "linfo_idx", "stack_depth", "stack_extra", "fastcall_stack_off", "has_tail_call",
        "tail_call_reachable", "has_ld_abs", "is_cb", "is_async_cb", "is_exception_cb", "args_cached",
        "keep_fastcall_stack", "changes_pkt_data", "args", "name", "type_id", "is_global", "unreliable", "called",
        "verified",
    )  # fmt: skip

    def __init__(self, start: int) -> None:
        self.start: int = start
        self.linfo_idx: int = 0
        self.stack_depth: int = 0
        self.stack_extra: int = 0
        self.fastcall_stack_off: int = 0
        self.has_tail_call: bool = False
        self.tail_call_reachable: bool = False
        self.has_ld_abs: bool = False
        self.is_cb: bool = False
        self.is_async_cb: bool = False
        self.is_exception_cb: bool = False
        self.args_cached: bool = False
        self.keep_fastcall_stack: bool = False
        self.changes_pkt_data: bool = False
        self.args: tuple[SubprogArg, ...] = ()
        self.name: str = ""
        self.type_id: int = 0
        self.is_global: bool = False
        self.unreliable: bool = False
        self.called: bool = False
        self.verified: bool = False
