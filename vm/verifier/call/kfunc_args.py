"""Arguments of kernel functions, classified by their BTF types and names (check_kfunc_args)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.btf.types import COMPOSITES, Btf, Kind, Param, Type
from vm.errors import NotEmulated
from vm.kernel import types as k
from vm.kernel.release import LINUX
from vm.verifier.call.arg_types import check_func_arg_reg_off
from vm.verifier.call.dynptr import dynptr_state, process_dynptr_func
from vm.verifier.call.func_args import check_mem_reg, is_prog_ctx_type
from vm.verifier.call.kfunc_graph import process_node, process_root
from vm.verifier.call.kfunc_iter import process_iter_arg
from vm.verifier.call.mem_args import check_mem_size_reg
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.special import check_reg_const_str
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.btf_ptr import TRUSTED_MODIFIERS, kernel_struct_id, vmlinux
from vm.verifier.mem.btf_walk import struct_ids_match
from vm.verifier.mem.common import BPF_READ, BPF_WRITE, register_is_null
from vm.verifier.mem.map_value import map_of
from vm.verifier.mem.nullness import not_null
from vm.verifier.mem.objects import is_alloc_object, reg_record
from vm.verifier.prepass import record as rec
from vm.verifier.prepass.kfunc_meta import SCALAR_KINDS, KfuncMeta, has_suffix, kind_str
from vm.verifier.prepass.record import map_record
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.context import CSS_ITERATOR_CONTEXT
from vm.verifier.rules.internal import (
    DYNPTR_CLONE_REFERENCE,
    DYNPTR_CLONE_TYPE,
    REFCOUNT_RECORD_MISSING,
    TWO_CONSTANT_ARGUMENTS,
    TWO_REFERENCED_ARGUMENTS,
)
from vm.verifier.rules.kfunc_args import (
    ARGUMENT_NOT_CONSTANT,
    ARGUMENT_NOT_MAP,
    BUFFER_SIZE_NOT_CONSTANT,
    BUFFER_SIZE_TOO_LARGE,
    KERNEL_CONTEXT_NOT_STRUCT,
    KFUNC_ARGUMENT_MAY_BE_NULL,
    KFUNC_ARGUMENT_NO_REFCOUNT,
    KFUNC_ARGUMENT_NOT_CONST_STRING,
    KFUNC_ARGUMENT_NOT_CONTEXT,
    KFUNC_ARGUMENT_NOT_FUNCTION,
    KFUNC_ARGUMENT_NOT_MAP_VALUE,
    KFUNC_ARGUMENT_NOT_SCALARS,
    KFUNC_ARGUMENT_NOT_STRUCT,
    KFUNC_ARGUMENT_STRUCT,
    KFUNC_ARGUMENT_UNRECOGNIZED,
    KFUNC_MEMORY_LENGTH,
    KFUNC_POINTER_TYPE_UNSUPPORTED,
    TWO_BUFFER_SIZES,
    WORKQUEUE_MAP_MISMATCH,
    WORKQUEUE_OFFSET,
)
from vm.verifier.rules.lifetime import (
    ALLOCATED_OBJECT_NOT_REFERENCED,
    ARGUMENT_NOT_ALLOCATED_OBJECT,
    ARGUMENT_NOT_OBJECT,
    ARGUMENT_NOT_OWNING,
    ARGUMENT_NOT_PERCPU_OBJECT,
    ARGUMENT_NOT_RCU,
    ARGUMENT_NOT_TRUSTED,
    KFUNC_RELEASE_NOT_REFCOUNTED,
)
from vm.verifier.rules.limits import KFUNC_ARGUMENTS
from vm.verifier.rules.notes import STRUCT_NESTING
from vm.verifier.rules.register import REGISTER_NOT_SCALAR
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_OBJECT: Final = t.PTR_TO_BTF_ID | t.MEM_ALLOC

# reg2btf_ids: register types for kernel structs other than PTR_TO_BTF_ID.
_REG_STRUCTS: Final = {
    t.PTR_TO_SOCKET: "sock",
    t.PTR_TO_SOCK_COMMON: "sock_common",
    t.PTR_TO_TCP_SOCK: "tcp_sock",
    t.CONST_PTR_TO_MAP: "bpf_map",
}
_PROJECTIONS: Final = frozenset({("__sk_buff", "sk_buff"), ("xdp_md", "xdp_buff")})
_DYNPTR_FLAGS: Final = {
    t.BPF_DYNPTR_TYPE_LOCAL: t.DYNPTR_TYPE_LOCAL,
    t.BPF_DYNPTR_TYPE_RINGBUF: t.DYNPTR_TYPE_RINGBUF,
    t.BPF_DYNPTR_TYPE_SKB: t.DYNPTR_TYPE_SKB,
    t.BPF_DYNPTR_TYPE_XDP: t.DYNPTR_TYPE_XDP,
}


class Arg(NamedTuple):
    """ref: the type that the parameter points to, without modifiers."""

    number: int
    regno: int
    param: Param
    ref: Type
    insn_idx: int


_Check = Callable[[VerifierEnv, Arg, RegState, KfuncMeta], None]


def dynptr_type_flag(dynptr_type: int) -> int:
    """get_dynptr_type_flag()."""
    return _DYNPTR_FLAGS.get(dynptr_type, 0)


def _is_trusted(reg: RegState) -> bool:
    """is_trusted_reg()."""
    if reg.ref_obj_id:
        return True
    flags = t.type_flag(reg.type)
    unsafe = flags & ~TRUSTED_MODIFIERS
    if reg.type & t.BPF_BASE_TYPE_MASK in _REG_STRUCTS and not unsafe:
        return True
    return flags & TRUSTED_MODIFIERS != 0 and not unsafe


def is_scalar_struct(env: VerifierEnv, btf: Btf, found: Type, depth: int = 0) -> bool:
    """__btf_type_is_scalar_struct(): numbers only, at most four levels deep."""
    if found.kind not in COMPOSITES:
        return False
    for member in found.members:
        inner = btf.skip_modifiers(member.type_id)
        if inner.kind in COMPOSITES:
            if depth >= 3:
                env.note(STRUCT_NESTING)
                return False
            if not is_scalar_struct(env, btf, inner, depth + 1):
                return False
            continue
        if inner.kind is Kind.ARRAY:
            if not inner.nelems:
                return False
            inner = btf.skip_modifiers(inner.type_id)
        if inner.kind not in SCALAR_KINDS:
            return False
    return True


def _is_size(btf: Btf, param: Param, reg: RegState) -> bool:
    if btf.skip_modifiers(param.type_id).kind not in SCALAR_KINDS or reg.type != t.SCALAR_VALUE:
        return False
    return has_suffix(param, "__sz") or has_suffix(param, "__szk")


def _ctx(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type != t.PTR_TO_CTX:
        env.reject(KFUNC_ARGUMENT_NOT_CONTEXT, a.regno, arg=a.number, type=reg_type_str(reg.type))
    if meta.name == "bpf_cast_to_kern_ctx":
        names = {v: name for name, v in vars(k).items() if name.startswith("BPF_PROG_TYPE_")}
        wanted = f"{names[env.program.prog_type]}_kern"
        member = next((m for m in meta.btf.struct("bpf_ctx_convert").members if m.name == wanted), None)
        found = meta.btf.type(member.type_id) if member is not None else None
        if found is None or found.kind not in COMPOSITES:
            env.reject(KERNEL_CONTEXT_NOT_STRUCT, a.regno, type_id=found.id if found else 0)
        meta.ret_btf_id = found.id


def _alloc(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type == _OBJECT:
        if meta.name != "bpf_obj_drop_impl":
            env.reject(ARGUMENT_NOT_OBJECT, a.regno, arg=a.number)
    elif reg.type == _OBJECT | t.MEM_PERCPU:
        if meta.name != "bpf_percpu_obj_drop_impl":
            env.reject(ARGUMENT_NOT_PERCPU_OBJECT, a.regno, arg=a.number)
    else:
        env.reject(ARGUMENT_NOT_ALLOCATED_OBJECT, a.regno, arg=a.number)
    if not reg.ref_obj_id:
        env.reject(ALLOCATED_OBJECT_NOT_REFERENCED, a.regno)
    meta.arg_btf = reg.btf
    meta.arg_btf_id = reg.btf_id


def _dynptr(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    arg_type = k.ARG_PTR_TO_DYNPTR
    clone_ref = 0
    if reg.type == t.CONST_PTR_TO_DYNPTR:
        arg_type |= t.MEM_RDONLY
    if has_suffix(a.param, "__uninit"):
        arg_type |= t.MEM_UNINIT
    if meta.name == "bpf_dynptr_from_skb":
        arg_type |= t.DYNPTR_TYPE_SKB
    elif meta.name == "bpf_dynptr_from_xdp":
        arg_type |= t.DYNPTR_TYPE_XDP
    elif meta.name == "bpf_dynptr_clone" and arg_type & t.MEM_UNINIT:
        if meta.dynptr_type == t.BPF_DYNPTR_TYPE_INVALID:
            env.reject(DYNPTR_CLONE_TYPE, a.regno)
        arg_type |= dynptr_type_flag(meta.dynptr_type)
        clone_ref = meta.dynptr_ref_obj_id
        if meta.dynptr_type == t.BPF_DYNPTR_TYPE_RINGBUF and not clone_ref:
            env.reject(DYNPTR_CLONE_REFERENCE, a.regno)
    process_dynptr_func(env, a.regno, a.insn_idx, arg_type, clone_ref)
    if not arg_type & t.MEM_UNINIT:
        held = dynptr_state(env, reg)
        meta.dynptr_id = held.id
        meta.dynptr_type = held.dynptr_type
        meta.dynptr_ref_obj_id = held.ref_obj_id


def _iter(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if meta.name == "bpf_iter_css_task_new":
        program = env.program
        allowed = (
            program.prog_type == k.BPF_PROG_TYPE_LSM
            or (program.prog_type == k.BPF_PROG_TYPE_TRACING and program.expected_attach_type == k.BPF_TRACE_ITER)
            or env.sleepable
            or env.cur_state.in_sleepable
        )
        if not allowed:
            env.reject(CSS_ITERATOR_CONTEXT, a.regno)
    process_iter_arg(env, a.regno, a.insn_idx, meta)


def _list_head(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    process_root(env, a.regno, meta, rec.BPF_LIST_HEAD)


def _rb_root(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    process_root(env, a.regno, meta, rec.BPF_RB_ROOT)


def _list_node(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    process_node(env, a.regno, meta, rec.BPF_LIST_NODE)


def _rb_node(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    process_node(env, a.regno, meta, rec.BPF_RB_NODE)


def _map(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    _match_struct(env, a, reg, meta, vmlinux().type(kernel_struct_id("bpf_map")))


def _btf_id(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    _match_struct(env, a, reg, meta, a.ref)


def _is_nocast_alias(one: str, other: str) -> bool:
    """btf_type_ids_nocast_alias(): a type and the type of its uninitialised objects."""
    return one == f"{other}___init" or other == f"{one}___init"


def _match_struct(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta, wanted: Type) -> None:
    """process_kf_arg_ptr_to_btf_id()."""
    base = reg.type & t.BPF_BASE_TYPE_MASK
    flags = t.type_flag(reg.type)
    unsafe = flags & ~TRUSTED_MODIFIERS and not reg.type & t.MEM_RCU
    if (base != t.PTR_TO_BTF_ID or unsafe) and base not in _REG_STRUCTS:
        env.reject(
            KFUNC_ARGUMENT_NOT_STRUCT,
            a.regno,
            arg=a.number,
            have=reg_type_str(reg.type),
            type=reg_type_str(base | flags & TRUSTED_MODIFIERS),
        )
    if base == t.PTR_TO_BTF_ID and reg.btf is not None:
        btf, btf_id = reg.btf, reg.btf_id
    else:
        btf, btf_id = vmlinux(), kernel_struct_id(_REG_STRUCTS[base])
    have = btf.skip_modifiers(btf_id)
    strict = (meta.releases and reg.ref_obj_id != 0) or _is_nocast_alias(have.name, wanted.name)
    same = struct_ids_match(env, btf, have.id, reg.off, meta.btf, wanted.id, strict, not reg.type & t.MEM_ALLOC)
    if not same and (wanted.name, have.name) not in _PROJECTIONS:
        env.reject(
            KFUNC_ARGUMENT_STRUCT,
            a.regno,
            kfunc=meta.name,
            arg=a.number,
            wanted_kind=kind_str(wanted),
            wanted=wanted.name,
            kind=kind_str(have),
            have=have.name,
        )


def _unless_null(env: VerifierEnv, regno: int, check: Callable[[], None]) -> None:
    """Check the register as if it were not NULL, without changing its state."""
    regs = env.cur_state.frame[-1].regs
    saved = regs[regno]
    if not saved.type & t.PTR_MAYBE_NULL:
        check()
        return
    regs[regno] = not_null(env, saved)
    try:
        check()
    finally:
        regs[regno] = saved


def _mem(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    check_mem_reg(env, a.regno, meta.btf.size_of(a.ref.id))


def _mem_size(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    size_param = meta.proto.params[a.number + 1]
    size_reg = env.cur_state.frame[-1].regs[a.regno + 1]
    if not (register_is_null(reg) and has_suffix(a.param, "__opt")):
        call = CallMeta()

        def check() -> None:
            check_mem_size_reg(env, a.regno + 1, BPF_READ, True, call)
            check_mem_size_reg(env, a.regno + 1, BPF_WRITE, True, call)

        try:
            _unless_null(env, a.regno, check)
        except Reject as e:
            env.reject(
                KFUNC_MEMORY_LENGTH, a.regno if e.regno < 0 else e.regno, e.spi, e.needed, e.frame, because=e,
                also=a.regno + 1, arg=a.number, length=a.number + 1,
            )  # fmt: skip
    if has_suffix(size_param, "__szk"):
        if meta.arg_constant is not None:
            env.reject(TWO_CONSTANT_ARGUMENTS, a.regno)
        if size_reg.scalar.var_off.mask:
            env.reject(ARGUMENT_NOT_CONSTANT, a.regno + 1)
        meta.arg_constant = size_reg.scalar.var_off.value


def _callback(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type != t.PTR_TO_FUNC:
        env.reject(KFUNC_ARGUMENT_NOT_FUNCTION, a.regno, arg=a.number)
    meta.subprogno = reg.subprogno


def _refcounted(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if not is_alloc_object(reg.type):
        env.reject(ARGUMENT_NOT_OWNING, a.regno, arg=a.number)
    if not t.type_is_non_owning_ref(reg.type) and reg.ref_obj_id:
        meta.arg_owning_ref = True
    record = reg_record(env, reg)
    if not record.fields:
        env.reject(REFCOUNT_RECORD_MISSING, a.regno)
    if not record.has(rec.BPF_REFCOUNT):
        env.reject(KFUNC_ARGUMENT_NO_REFCOUNT, a.regno, arg=a.number)
    meta.arg_btf = reg.btf
    meta.arg_btf_id = reg.btf_id


def _const_str(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type != t.PTR_TO_MAP_VALUE:
        env.reject(KFUNC_ARGUMENT_NOT_CONST_STRING, a.regno, arg=a.number)
    check_reg_const_str(env, a.regno)


def _workqueue(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type != t.PTR_TO_MAP_VALUE:
        env.reject(KFUNC_ARGUMENT_NOT_MAP_VALUE, a.regno, arg=a.number)
    record = map_record(env.program, map_of(env, reg))
    if not record.fields:
        # The kernel does not check whether there is such a record.
        raise NotEmulated(
            f"a work queue in a map value without special fields, at which {LINUX} crashes",
            kind="crash",
            name="bpf_wq_init",
        )
    off = (reg.off + reg.scalar.var_off.value) & 0xFFFFFFFFFFFFFFFF
    at = record.offset_of(rec.BPF_WORKQUEUE)
    if at != off:
        off -= off >> 63 << 64
        env.reject(WORKQUEUE_OFFSET, a.regno, off=off, at=at)
    meta.map_index, meta.inner_map, meta.map_uid = reg.map_ptr, reg.inner_map, reg.map_uid


# Pointers to these kernel structs are special kinds of arguments.
_BY_STRUCT: Final[dict[str, _Check]] = {
    "bpf_dynptr": _dynptr,
    "bpf_list_head": _list_head,
    "bpf_list_node": _list_node,
    "bpf_rb_root": _rb_root,
    "bpf_rb_node": _rb_node,
    "bpf_wq": _workqueue,
}


def _kind_of(env: VerifierEnv, a: Arg, ptr: Type, reg: RegState, meta: KfuncMeta) -> _Check | None:
    """get_kfunc_ptr_arg_type(); None for an optional argument that is null."""
    btf = meta.btf
    if meta.name == "bpf_cast_to_kern_ctx" or is_prog_ctx_type(btf, ptr, env.program.prog_type):
        return _ctx
    if has_suffix(a.param, "__nullable") and register_is_null(reg):
        return None
    if has_suffix(a.param, "__alloc"):
        return _alloc
    if has_suffix(a.param, "__refcounted_kptr"):
        return _refcounted
    if a.ref.kind is Kind.STRUCT and a.ref.name == "bpf_dynptr":
        return _dynptr
    if (meta.is_iter and a.number == 0) or (not meta.is_iter and has_suffix(a.param, "__iter")):
        return _iter
    by_struct = _BY_STRUCT.get(a.ref.name) if a.ref.kind is Kind.STRUCT else None
    if by_struct is not None and by_struct is not _workqueue:
        return by_struct
    if has_suffix(a.param, "__str"):
        return _const_str
    if has_suffix(a.param, "__map"):
        return _map
    if by_struct is not None:
        return by_struct
    base = reg.type & t.BPF_BASE_TYPE_MASK
    if base == t.PTR_TO_BTF_ID or base in _REG_STRUCTS:
        if a.ref.kind not in COMPOSITES:
            env.reject(
                KFUNC_POINTER_TYPE_UNSUPPORTED,
                a.regno,
                kfunc=meta.name,
                arg=a.number,
                kind=kind_str(a.ref),
                name=a.ref.name if a.ref.id else "",
            )
        return _btf_id
    if a.ref.kind is Kind.FUNC_PROTO:
        return _callback
    params = meta.proto.params
    sized = a.number + 1 < len(params) and _is_size(
        btf, params[a.number + 1], env.cur_state.frame[-1].regs[a.regno + 1]
    )
    plain = a.ref.kind in SCALAR_KINDS or is_scalar_struct(env, btf, a.ref)
    if not plain and not (sized and a.ref.kind is Kind.VOID):
        env.reject(
            KFUNC_ARGUMENT_NOT_SCALARS,
            a.regno,
            arg=a.number,
            kind=kind_str(a.ref),
            name=a.ref.name if a.ref.id else "",
            void="void, " if sized else "",
        )
    return _mem_size if sized else _mem


def _scalar(env: VerifierEnv, regno: int, param: Param, reg: RegState, meta: KfuncMeta) -> None:
    if reg.type != t.SCALAR_VALUE:
        env.reject(REGISTER_NOT_SCALAR, regno)
    known = not reg.scalar.var_off.mask
    value = reg.scalar.var_off.value
    if has_suffix(param, "__k"):
        if meta.arg_constant is not None:
            env.reject(TWO_CONSTANT_ARGUMENTS, regno)
        if not known:
            env.reject(ARGUMENT_NOT_CONSTANT, regno)
        mark_chain_precision(env, regno, "constant_argument")
        meta.arg_constant = value
    elif param.name in ("rdonly_buf_size", "rdwr_buf_size"):
        meta.r0_rdonly |= param.name == "rdonly_buf_size"
        if meta.r0_size:
            env.reject(TWO_BUFFER_SIZES, regno)
        if not known:
            env.reject(BUFFER_SIZE_NOT_CONSTANT, regno)
        meta.r0_size = value
        if value > 0xFFFFFFFF:
            env.reject(BUFFER_SIZE_TOO_LARGE, regno)
        mark_chain_precision(env, regno, "size_argument")


def _note_map(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta) -> None:
    """Checks a map argument: a map pointer, or a pointer to struct bpf_map."""
    if reg.map_ptr < 0:
        # The kernel looks at bytes that for these types hold something else: it goes on, and refuses them below.
        if not (reg.btf is not None or reg.mem_size or reg.range):
            env.reject(ARGUMENT_NOT_MAP, a.regno)
        if meta.map_index >= 0:
            raise NotEmulated(
                f"a work queue with a map that is no map pointer, at which {LINUX} may crash",
                kind="crash",
                name="bpf_wq_init",
            )
        return
    record = map_record(env.program, map_of(env, reg))
    mine = (meta.map_index, meta.inner_map, meta.map_uid)
    if meta.map_index >= 0 and record.has(rec.BPF_WORKQUEUE) and mine != (reg.map_ptr, reg.inner_map, reg.map_uid):
        env.reject(WORKQUEUE_MAP_MISMATCH, a.regno, work_uid=meta.map_uid, map_uid=reg.map_uid)
    meta.map_index, meta.inner_map, meta.map_uid = reg.map_ptr, reg.inner_map, reg.map_uid


def _check_trust(env: VerifierEnv, a: Arg, reg: RegState, meta: KfuncMeta, check: _Check) -> None:
    """Records a map argument; checks that pointers to objects have the required trust."""
    if check is _map:
        _note_map(env, a, reg, meta)
    elif check not in (_alloc, _btf_id):
        return
    if not (meta.trusted_args or meta.is_rcu) or _is_trusted(reg):
        return
    if not meta.is_rcu:
        env.reject(ARGUMENT_NOT_TRUSTED, a.regno)
    if not reg.type & t.MEM_RCU:
        env.reject(ARGUMENT_NOT_RCU, a.regno)


def _check_pointer(env: VerifierEnv, index: int, ptr: Type, insn_idx: int, meta: KfuncMeta) -> bool:
    """Checks one pointer argument; true if this includes the next argument, its size."""
    regno = index + 1
    param = meta.proto.params[index]
    reg = env.cur_state.frame[-1].regs[regno]
    maybe_null = register_is_null(reg) or reg.type & t.PTR_MAYBE_NULL
    if (meta.trusted_args or meta.is_rcu) and maybe_null and not has_suffix(param, "__nullable"):
        env.reject(KFUNC_ARGUMENT_MAY_BE_NULL, regno, arg=index)
    if reg.ref_obj_id:
        if meta.releases and meta.ref_obj_id:
            env.reject(TWO_REFERENCED_ARGUMENTS, regno, first=reg.ref_obj_id, second=meta.ref_obj_id)
        meta.ref_obj_id = reg.ref_obj_id
        if meta.releases:
            meta.release_regno = regno
    arg = Arg(index, regno, param, meta.btf.skip_modifiers(ptr.type_id), insn_idx)
    check = _kind_of(env, arg, ptr, reg, meta)
    if check is None:
        return False
    _check_trust(env, arg, reg, meta, check)
    released = t.OBJ_RELEASE if meta.releases and reg.ref_obj_id else 0
    check_func_arg_reg_off(env, reg, regno, k.ARG_DONTCARE | released)
    check(env, arg, reg, meta)
    return check is _mem_size


def check_kfunc_args(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    """Checks all arguments; stores facts about the call in `meta`."""
    params = meta.proto.params
    if len(params) > 5:
        env.reject(KFUNC_ARGUMENTS, kfunc=meta.name, count=len(params))
    index = 0
    while index < len(params):
        param = params[index]
        found = meta.btf.skip_modifiers(param.type_id)
        if has_suffix(param, "__ign"):
            pass
        elif found.kind in SCALAR_KINDS:
            _scalar(env, index + 1, param, env.cur_state.frame[-1].regs[index + 1], meta)
        elif found.kind is not Kind.PTR:
            env.reject(KFUNC_ARGUMENT_UNRECOGNIZED, index + 1, arg=index, kind=kind_str(found))
        elif _check_pointer(env, index, found, insn_idx, meta):
            index += 1
        index += 1
    if meta.releases and not meta.release_regno:
        env.reject(KFUNC_RELEASE_NOT_REFCOUNTED, 1, kfunc=meta.name)
