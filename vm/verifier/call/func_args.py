"""Arguments of the program's own functions, from their BTF (btf_prepare_func_args)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import COMPOSITES, MODIFIERS, Btf, Kind, Type
from vm.kernel import types as k
from vm.kernel.errno import EFAULT
from vm.verifier.call.arg_types import base_arg, check_func_arg_reg_off, check_reg_type
from vm.verifier.call.dynptr import process_dynptr_func
from vm.verifier.call.mem_args import check_helper_mem_access
from vm.verifier.call.meta import CallMeta
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.common import BPF_READ, BPF_WRITE, register_is_null
from vm.verifier.mem.dynptr_slots import dynptr_reg
from vm.verifier.mem.nullness import not_null
from vm.verifier.prepass.btf_info import func_infos
from vm.verifier.prepass.kfunc_meta import vmlinux
from vm.verifier.prune.liveness import mark_reg_unknown
from vm.verifier.rules.functions import (
    ARENA_TAG_COMBINED,
    ARGUMENT_MAY_BE_NULL,
    ARGUMENT_NOT_ARENA,
    ARGUMENT_NOT_CONTEXT,
    ARGUMENT_REFERENCE_AMBIGUOUS,
    ARGUMENT_REFERENCE_ANONYMOUS,
    ARGUMENT_REFERENCE_MISSING,
    ARGUMENT_SIZE_UNKNOWN,
    ARGUMENT_TAG_IN_STATIC_FUNCTION,
    ARGUMENT_TAG_ON_VALUE,
    ARGUMENT_TAGS_COMBINED,
    ARGUMENT_TAGS_UNSUPPORTED,
    CONTEXT_ARGUMENT_NOT_VOID,
    CONTEXT_ARGUMENT_STRUCT,
    CONTEXT_ARGUMENT_WITHOUT_NAME,
    EXCEPTION_CALLBACK_ARGUMENTS,
    GLOBAL_FUNCTION_ARGUMENT_TYPE,
    GLOBAL_FUNCTION_MEMORY,
    GLOBAL_FUNCTION_RETURN_TYPE,
)
from vm.verifier.rules.helper_args import STATIC_FUNCTION_TYPES
from vm.verifier.rules.internal import FUNCTION_BTF_UNRELIABLE, FUNCTION_WITHOUT_BTF
from vm.verifier.rules.limits import GLOBAL_FUNCTION_ARGUMENTS
from vm.verifier.rules.register import REGISTER_NOT_SCALAR
from vm.verifier.state import reg_types as t
from vm.verifier.state.aux import SubprogArg, SubprogInfo
from vm.verifier.state.reg import RegState, pointer

MAX_BPF_FUNC_REG_ARGS: Final = 5
_TAGS: Final = frozenset({"ctx", "trusted", "nonnull", "nullable", "arena"})
_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})
_SIZED: Final = frozenset({Kind.INT, Kind.PTR, Kind.ARRAY, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT})

_SKB: Final = "__sk_buff"
# Name of the context struct of each program type (bpf_ctx_convert); void * and numbers have none.
CTX_NAMES: Final = {
    k.BPF_PROG_TYPE_SOCKET_FILTER: _SKB,
    k.BPF_PROG_TYPE_SCHED_CLS: _SKB,
    k.BPF_PROG_TYPE_SCHED_ACT: _SKB,
    k.BPF_PROG_TYPE_CGROUP_SKB: _SKB,
    k.BPF_PROG_TYPE_LWT_IN: _SKB,
    k.BPF_PROG_TYPE_LWT_OUT: _SKB,
    k.BPF_PROG_TYPE_LWT_XMIT: _SKB,
    k.BPF_PROG_TYPE_LWT_SEG6LOCAL: _SKB,
    k.BPF_PROG_TYPE_SK_SKB: _SKB,
    k.BPF_PROG_TYPE_FLOW_DISSECTOR: _SKB,
    k.BPF_PROG_TYPE_XDP: "xdp_md",
    k.BPF_PROG_TYPE_CGROUP_SOCK: "bpf_sock",
    k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: "bpf_sock_addr",
    k.BPF_PROG_TYPE_SOCK_OPS: "bpf_sock_ops",
    k.BPF_PROG_TYPE_SK_MSG: "sk_msg_md",
    k.BPF_PROG_TYPE_KPROBE: "pt_regs",
    k.BPF_PROG_TYPE_PERF_EVENT: "bpf_perf_event_data",
    k.BPF_PROG_TYPE_RAW_TRACEPOINT: "bpf_raw_tracepoint_args",
    k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: "bpf_raw_tracepoint_args",
    k.BPF_PROG_TYPE_CGROUP_DEVICE: "bpf_cgroup_dev_ctx",
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: "bpf_sysctl",
    k.BPF_PROG_TYPE_CGROUP_SOCKOPT: "bpf_sockopt",
    k.BPF_PROG_TYPE_SK_REUSEPORT: "sk_reuseport_md",
    k.BPF_PROG_TYPE_SK_LOOKUP: "bpf_sk_lookup",
    k.BPF_PROG_TYPE_NETFILTER: "bpf_nf_ctx",
}
PROJECTIONS: Final = {_SKB: "sk_buff", "xdp_md": "xdp_buff"}
_ANY_CTX: Final = frozenset({k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_SYSCALL, k.BPF_PROG_TYPE_EXT})
_U64_CTX: Final = frozenset(
    {
        k.BPF_PROG_TYPE_RAW_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_LSM,
        k.BPF_PROG_TYPE_STRUCT_OPS,
    }
)  # fmt: skip
_PT_REGS_CTX: Final = frozenset({k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_PERF_EVENT})


def _through_modifiers(btf: Btf, type_id: int, stop: Kind | None = None) -> Type:
    found = btf.type(type_id)
    while found.kind in MODIFIERS and found.kind is not stop:
        found = btf.type(found.type_id)
    return found


def is_prog_ctx_type(btf: Btf, ptr: Type, prog_type: int) -> bool:
    """btf_is_prog_ctx_type(): whether it is a pointer to the context type of this program type."""
    if prog_type == k.BPF_PROG_TYPE_KPROBE:
        found = _through_modifiers(btf, ptr.type_id, Kind.TYPEDEF)
        if found.kind is Kind.TYPEDEF and found.name == "bpf_user_pt_regs_t":
            return True
    target = _through_modifiers(btf, ptr.type_id)
    wanted = CTX_NAMES.get(prog_type)
    if target.kind not in COMPOSITES or wanted is None:
        return False
    if prog_type == k.BPF_PROG_TYPE_KPROBE and target.name == "bpf_user_pt_regs_t":
        return True
    return target.name in (wanted, PROJECTIONS.get(wanted))


def _validate_ctx_tag(env: VerifierEnv, btf: Btf, ptr: Type, i: int) -> None:
    """btf_validate_prog_ctx_type(): checks the type of an argument that is tagged as context."""
    prog_type = env.program.prog_type
    if prog_type in _PT_REGS_CTX:
        found = _through_modifiers(btf, ptr.type_id, Kind.TYPEDEF)
        if found.kind is Kind.TYPEDEF and found.name == "bpf_user_pt_regs_t":
            return
    target = _through_modifiers(btf, ptr.type_id)
    if target.kind is Kind.VOID:
        return
    if not target.name:
        env.reject(CONTEXT_ARGUMENT_WITHOUT_NAME, arg=i)
    is_struct = target.kind is Kind.STRUCT
    if prog_type in _PT_REGS_CTX and is_struct and target.name == "pt_regs":
        return
    if _is_tracing_ctx(env, target):
        return
    is_tracing = prog_type == k.BPF_PROG_TYPE_TRACING and env.program.expected_attach_type != k.BPF_TRACE_ITER
    if (prog_type in _U64_CTX or is_tracing) and target.kind is Kind.INT and target.size == 8:
        return
    if prog_type in _ANY_CTX:
        return
    wanted = CTX_NAMES.get(prog_type)
    if wanted is None:
        env.reject(CONTEXT_ARGUMENT_NOT_VOID, arg=i)
    if not is_struct or target.name != wanted:
        env.reject(CONTEXT_ARGUMENT_STRUCT, arg=i, wanted=wanted)


def _is_tracing_ctx(env: VerifierEnv, target: Type) -> bool:
    """Structs that are accepted as context of tp_btf and iterator programs."""
    if env.program.prog_type != k.BPF_PROG_TYPE_TRACING or target.kind is not Kind.STRUCT:
        return False
    attach = env.program.expected_attach_type
    if attach == k.BPF_TRACE_RAW_TP:
        return target.name == "bpf_raw_tracepoint_args"
    return attach == k.BPF_TRACE_ITER and target.name.startswith("bpf_iter__")


def _arg_tags(env: VerifierEnv, btf: Btf, func: Type, i: int, is_global: bool) -> frozenset[str]:
    tags = set()
    for tag in btf:
        if tag.kind is not Kind.DECL_TAG or tag.type_id != func.id or tag.component != i:
            continue
        if not tag.name.startswith("arg:"):
            continue
        if not is_global:
            env.reject(ARGUMENT_TAG_IN_STATIC_FUNCTION, arg=i)
        if tag.name[4:] not in _TAGS:
            env.reject(ARGUMENT_TAGS_UNSUPPORTED, arg=i)
        tags.add(tag.name[4:])
    return frozenset(tags)


def _kernel_type(env: VerifierEnv, target: Type, i: int) -> int:
    """btf_get_ptr_to_btf_id(): the kernel type with that name, without its CO-RE flavour."""
    name = target.name.partition("___")[0]
    kind = "UNKNOWN" if target.kind is Kind.VOID else target.kind.name
    if not target.name or target.kind is Kind.VOID:
        env.reject(ARGUMENT_REFERENCE_ANONYMOUS, arg=i, kind=kind)
    kernel = vmlinux()
    found = [x for x in kernel.ids_of(name) if kernel.type(x).kind is target.kind]
    if len(found) != 1:
        rule = ARGUMENT_REFERENCE_AMBIGUOUS if found else ARGUMENT_REFERENCE_MISSING
        env.reject(rule, arg=i, kind=kind, name=target.name)
    return found[0]


def _pointer_arg(
    env: VerifierEnv, btf: Btf, ptr: Type, i: int, tags: frozenset[str], is_global: bool
) -> SubprogArg | None:
    """The argument type of a pointer; None for a static function's pointer that the verifier ignores."""

    def bad() -> None:
        env.reject(ARGUMENT_TAGS_COMBINED, arg=i)

    if "ctx" in tags or is_prog_ctx_type(btf, ptr, env.program.prog_type):
        if tags - {"ctx"}:
            bad()
        if "ctx" in tags:
            _validate_ctx_tag(env, btf, ptr, i)
        return SubprogArg(k.ARG_PTR_TO_CTX)
    target = _through_modifiers(btf, ptr.type_id)
    if target.kind is Kind.STRUCT and target.name in ("bpf_dynptr", "bpf_dynptr_kern"):
        if tags:
            bad()
        return SubprogArg(k.ARG_PTR_TO_DYNPTR | t.MEM_RDONLY)
    if "trusted" in tags:
        if "nonnull" in tags:
            bad()
        maybe_null = t.PTR_MAYBE_NULL if "nullable" in tags else 0
        return SubprogArg(k.ARG_PTR_TO_BTF_ID | t.PTR_TRUSTED | maybe_null, btf_id=_kernel_type(env, target, i))
    if "arena" in tags:
        if tags - {"arena"}:
            env.reject(ARENA_TAG_COMBINED, arg=i)
        return SubprogArg(k.ARG_PTR_TO_ARENA)
    if not is_global:
        return None
    if "nullable" in tags:
        bad()
    if target.kind not in _SIZED:
        kind = "UNKNOWN" if target.kind is Kind.VOID else target.kind.name
        name = "" if target.kind is Kind.VOID else target.name
        env.reject(ARGUMENT_SIZE_UNKNOWN, arg=i, kind=kind, name=name)
    maybe_null = 0 if "nonnull" in tags else t.PTR_MAYBE_NULL
    return SubprogArg(k.ARG_PTR_TO_MEM | maybe_null, btf.size_of(target.id))


def _one_arg(env: VerifierEnv, btf: Btf, func: Type, type_id: int, i: int, is_global: bool) -> SubprogArg:
    tags = _arg_tags(env, btf, func, i, is_global)
    found = _through_modifiers(btf, type_id)
    if found.kind is Kind.PTR:
        arg = _pointer_arg(env, btf, found, i, tags, is_global)
        if arg is not None:
            return arg
    if tags:
        env.reject(ARGUMENT_TAG_ON_VALUE, arg=i)
    if found.kind is not Kind.INT and found.kind not in _ENUMS:
        if not is_global:
            env.reject(STATIC_FUNCTION_TYPES)
        env.reject(GLOBAL_FUNCTION_ARGUMENT_TYPE, arg=i, kind=found.kind.name, func=func.name)
    return SubprogArg(k.ARG_ANYTHING)


def prepare_func_args(env: VerifierEnv, subprogno: int) -> SubprogInfo:
    """Fills the function's `args` from its BTF, once. Rejects types that cannot be verified."""
    sub = env.subprogs[subprogno]
    if sub.args_cached:
        return sub
    btf = env.program.btf
    if btf is None or not func_infos(env.program):
        env.reject(FUNCTION_WITHOUT_BTF)
    func = btf.type(sub.type_id)
    if sub.unreliable:
        env.reject(FUNCTION_BTF_UNRELIABLE, func=func.name)
    proto = btf.type(func.type_id)
    is_global = sub.is_global
    if len(proto.params) > MAX_BPF_FUNC_REG_ARGS:
        if not is_global:
            env.reject(STATIC_FUNCTION_TYPES)
        env.reject(GLOBAL_FUNCTION_ARGUMENTS, func=func.name, count=len(proto.params), most=MAX_BPF_FUNC_REG_ARGS)
    returned = _through_modifiers(btf, proto.type_id)
    if returned.kind is not Kind.INT and returned.kind not in _ENUMS:
        if not is_global:
            env.reject(STATIC_FUNCTION_TYPES)
        env.reject(GLOBAL_FUNCTION_RETURN_TYPE, func=func.name)
    sub.args = tuple(_one_arg(env, btf, func, param.type_id, i, is_global) for i, param in enumerate(proto.params))
    sub.args_cached = True
    return sub


def _entry_reg(env: VerifierEnv, arg: SubprogArg, regs: list[RegState], regno: int) -> None:
    base = base_arg(arg.arg_type)
    if arg.arg_type == k.ARG_PTR_TO_CTX:
        regs[regno] = pointer(t.PTR_TO_CTX)
    elif arg.arg_type == k.ARG_PTR_TO_DYNPTR | t.MEM_RDONLY:
        regs[regno] = dynptr_reg(t.BPF_DYNPTR_TYPE_LOCAL, True, env.new_id())
    elif base == k.ARG_PTR_TO_MEM:
        reg = pointer(t.PTR_TO_MEM | arg.arg_type & t.PTR_MAYBE_NULL)
        reg.mem_size = arg.mem_size
        reg.id = env.new_id()
        regs[regno] = reg
    elif base == k.ARG_PTR_TO_BTF_ID:
        flags = arg.arg_type & (t.PTR_MAYBE_NULL | t.PTR_UNTRUSTED | t.PTR_TRUSTED)
        reg = pointer(t.PTR_TO_BTF_ID | flags)
        reg.btf = vmlinux()
        reg.btf_id = arg.btf_id
        reg.id = env.new_id()
        regs[regno] = reg
    else:
        mark_reg_unknown(env, regs, regno)


def init_args(env: VerifierEnv, subprogno: int) -> None:
    """Sets r1 to r5 at the entry of a function (the middle of do_check_common)."""
    frame = env.cur_state.frame[0]
    if not subprogno:
        _check_main_btf(env)
        frame.regs[1] = pointer(t.PTR_TO_CTX)
        return
    sub = env.subprogs[subprogno]
    env.verbose(f"Validating {sub.name}() func#{subprogno}...\n")
    prepare_func_args(env, subprogno)
    if sub.is_exception_cb:
        frame.in_exception_callback_fn = True
        if len(sub.args) != 1 or sub.args[0].arg_type != k.ARG_ANYTHING:
            env.reject(EXCEPTION_CALLBACK_ARGUMENTS)
    for i, arg in enumerate(sub.args):
        _entry_reg(env, arg, frame.regs, 1 + i)


def _check_main_btf(env: VerifierEnv) -> None:
    """The main function's BTF is used only if the context is its only argument."""
    if not func_infos(env.program):
        return
    main = env.subprogs[0]
    try:
        prepare_func_args(env, 0)
    except Reject:
        main.unreliable = True
        return
    if len(main.args) != 1 or main.args[0].arg_type != k.ARG_PTR_TO_CTX:
        main.unreliable = True


def check_mem_reg(env: VerifierEnv, regno: int, mem_size: int) -> None:
    """check_mem_reg(): `mem_size` bytes at the pointer must be readable and writable if it is not null."""
    regs = env.cur_state.frame[-1].regs
    saved = regs[regno]
    if register_is_null(saved):
        return
    if saved.type & t.PTR_MAYBE_NULL:
        regs[regno] = not_null(env, saved)
    try:
        check_helper_mem_access(env, regno, mem_size, BPF_READ, True, None)
        check_helper_mem_access(env, regno, mem_size, BPF_WRITE, True, None)
    finally:
        regs[regno] = saved


def _match_arg(env: VerifierEnv, arg: SubprogArg, i: int) -> None:
    regno = 1 + i
    reg = env.cur_state.frame[-1].regs[regno]
    base = base_arg(arg.arg_type)
    if arg.arg_type == k.ARG_ANYTHING:
        if reg.type != t.SCALAR_VALUE:
            env.reject(REGISTER_NOT_SCALAR, regno)
    elif arg.arg_type == k.ARG_PTR_TO_CTX:
        check_func_arg_reg_off(env, reg, regno, k.ARG_DONTCARE)
        if reg.type != t.PTR_TO_CTX:
            env.reject(ARGUMENT_NOT_CONTEXT, regno, arg=i)
    elif base == k.ARG_PTR_TO_MEM:
        check_func_arg_reg_off(env, reg, regno, k.ARG_DONTCARE)
        try:
            check_mem_reg(env, regno, arg.mem_size)
        except Reject as e:
            env.reject(GLOBAL_FUNCTION_MEMORY, regno, needed=e.needed, because=e)
        if not arg.arg_type & t.PTR_MAYBE_NULL and reg.type & t.PTR_MAYBE_NULL:
            env.reject(ARGUMENT_MAY_BE_NULL, regno, arg=i)
    elif base == k.ARG_PTR_TO_ARENA:
        if reg.type not in (t.PTR_TO_ARENA, t.SCALAR_VALUE):
            env.reject(ARGUMENT_NOT_ARENA, regno)
    elif arg.arg_type == k.ARG_PTR_TO_DYNPTR | t.MEM_RDONLY:
        check_func_arg_reg_off(env, reg, regno, k.ARG_PTR_TO_DYNPTR)
        process_dynptr_func(env, regno, -1, arg.arg_type)
    else:
        if register_is_null(reg) and arg.arg_type & t.PTR_MAYBE_NULL:
            return
        check_reg_type(env, regno, arg.arg_type, CallMeta(), vmlinux().type(arg.btf_id).name)
        check_func_arg_reg_off(env, reg, regno, arg.arg_type)


def check_subprog_call(env: VerifierEnv, subprogno: int) -> Reject | None:
    """btf_check_subprog_call(): do the caller's registers fit the function's BTF? None, or why not.

    A static function that does not fit is verified with what it is given; its BTF counts no more.
    """
    sub = env.subprogs[subprogno]
    if not func_infos(env.program) or sub.unreliable:
        return Reject(STATIC_FUNCTION_TYPES, {}, STATIC_FUNCTION_TYPES.errno)
    try:
        prepare_func_args(env, subprogno)
        for i, arg in enumerate(sub.args):
            _match_arg(env, arg, i)
    except Reject as e:
        sub.unreliable = True
        if e.errno == EFAULT:
            raise
        return e
    return None
