"""Contexts that are the arguments of a kernel function (btf_ctx_access)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import COMPOSITES, MODIFIERS, Btf, Kind, Type
from vm.kernel import types as k
from vm.namedtuples import NamedTuple
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import BPF_READ
from vm.verifier.mem.ctx_rules import MAX_BPF_FUNC_ARGS
from vm.verifier.prepass.hooks import MAY_BE_ERROR, MAY_BE_NULL, UNTRUSTED_LSM_HOOKS
from vm.verifier.rules.notes import (
    HOOK_ARGUMENT_KIND,
    HOOK_ARGUMENT_NOT_STRUCT,
    HOOK_ARGUMENT_OFFSET,
    HOOK_ARGUMENT_SIZE,
    HOOK_RETURN_TYPE,
    HOOK_WITHOUT_ARGUMENT,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.attach_target import AttachTarget, slot_bytes

_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})


class CtxValue(NamedTuple):
    """The value that a read of the context returns. is_retval: it is the hook's return value."""

    reg_type: int = t.SCALAR_VALUE
    btf: Btf | None = None
    btf_id: int = 0
    is_retval: bool = False


def _arg_index(target: AttachTarget, off: int) -> int:
    """get_ctx_arg_idx(): which argument lies at `off`; the number of arguments for what is returned."""
    end = 0
    off &= 0xFFFFFFFF  # compared with an unsigned sum: before the context is behind its last argument
    for i, param in enumerate(target.proto.params):
        end += slot_bytes(target.btf, param.type_id)
        if off < end:
            return i
    count = len(target.proto.params)
    end += slot_bytes(target.btf, target.proto.type_id)
    return count if off < end else count + 1


def _is_scalar(found: Type) -> bool:
    return (found.kind is Kind.INT and found.size <= 8) or found.kind in _ENUMS or found.kind in COMPOSITES


def _returned(env: VerifierEnv, target: AttachTarget, arg: int) -> tuple[Type, bool] | None:
    """Type of the return value and whether reads of it are known as such; None where programs may not read it."""
    attach = env.program.expected_attach_type
    if attach in (k.BPF_LSM_MAC, k.BPF_LSM_CGROUP, k.BPF_TRACE_FEXIT):
        return target.btf.type(target.proto.type_id), attach == k.BPF_LSM_MAC
    if attach == k.BPF_MODIFY_RETURN:
        found = target.btf.skip_modifiers(target.proto.type_id)
        if found.kind is Kind.INT and found.size <= 8:
            return found, False
        env.note(HOOK_RETURN_TYPE, kind=found.kind.name)
        return None
    env.note(HOOK_WITHOUT_ARGUMENT, func=target.name, arg=arg + 1)
    return None


def _args_trusted(env: VerifierEnv, target: AttachTarget) -> bool:
    prog_type = env.program.prog_type
    attach = env.program.expected_attach_type
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        return attach in (k.BPF_TRACE_RAW_TP, k.BPF_TRACE_ITER)
    if prog_type == k.BPF_PROG_TYPE_LSM:
        return target.name.removeprefix("bpf_lsm_") not in UNTRUSTED_LSM_HOOKS
    return prog_type == k.BPF_PROG_TYPE_STRUCT_OPS


def btf_ctx_access(env: VerifierEnv, off: int, size: int, access: int) -> CtxValue | None:
    """What the program may read at `off` of its context; None (and why, in the log) if it may not."""
    target = env.attach_target
    assert target is not None, "check_attach() found it, or refused the program"
    if env.program.prog_type != k.BPF_PROG_TYPE_LSM and (
        off < 0 or off >= 8 * MAX_BPF_FUNC_ARGS or access != BPF_READ or off % size
    ):
        return None
    if off % 8:
        env.note(HOOK_ARGUMENT_OFFSET, func=target.name, off=off)
        return None
    arg = _arg_index(target, off)
    params = target.proto.params[target.skip :]
    is_retval = False
    if arg > len(params):
        env.note(HOOK_WITHOUT_ARGUMENT, func=target.name, arg=arg + 1)
        return None
    if arg == len(params):
        returned = _returned(env, target, arg)
        if returned is None:
            return None
        found, is_retval = returned
    else:
        found = target.btf.type(params[arg].type_id)
    while found.kind in MODIFIERS:
        found = target.btf.type(found.type_id)
    if _is_scalar(found):
        return CtxValue(is_retval=is_retval)
    if found.kind is not Kind.PTR:
        kind = "UNKNOWN" if found.kind is Kind.VOID else found.kind.name
        name = found.name if found.kind is not Kind.VOID else "(anon)"
        env.note(HOOK_ARGUMENT_KIND, func=target.name, arg=arg, name=name or "(anon)", kind=kind)
        return None
    if size != 8:
        env.note(HOOK_ARGUMENT_SIZE, func=target.name, size=size)
        return None
    declared = {at: (reg_type, btf_id) for at, reg_type, btf_id in target.ctx_args}.get(off)
    if declared is not None and not declared[1]:
        return CtxValue(declared[0])
    if declared is not None and found.type_id and target.btf.skip_modifiers(found.type_id).kind is not Kind.INT:
        return CtxValue(declared[0], target.btf, declared[1])
    return _pointer(env, target, found, arg)


def _pointer(env: VerifierEnv, target: AttachTarget, ptr: Type, arg: int) -> CtxValue | None:
    btf = target.btf
    if not ptr.type_id or btf.skip_modifiers(ptr.type_id).kind is Kind.INT:
        return CtxValue()
    reg_type = t.PTR_TO_BTF_ID
    if _args_trusted(env, target):
        reg_type |= t.PTR_TRUSTED
    names = target.params or tuple(p.name for p in target.proto.params[target.skip :])
    if arg < len(names) and names[arg].endswith("__nullable"):
        reg_type |= t.PTR_MAYBE_NULL
    may_be_error = False
    if env.program.expected_attach_type == k.BPF_TRACE_RAW_TP:
        if arg in MAY_BE_NULL.get(target.name, ()):
            reg_type |= t.PTR_MAYBE_NULL
        may_be_error = arg in MAY_BE_ERROR.get(target.name, ())
    tag = btf.type(ptr.type_id)
    if tag.kind is Kind.TYPE_TAG:
        reg_type |= {"user": t.MEM_USER, "percpu": t.MEM_PERCPU}.get(tag.name, 0)
    struct = btf.skip_modifiers(ptr.type_id)
    if struct.kind not in COMPOSITES:
        kind = "UNKNOWN" if struct.kind is Kind.VOID else struct.kind.name
        env.note(HOOK_ARGUMENT_NOT_STRUCT, func=target.name, arg=arg, kind=kind)
        return None
    env.verbose(
        f"func '{target.name}' arg{arg} has btf_id {struct.id} type {struct.kind.name} '{struct.name or '(anon)'}'\n"
    )
    if may_be_error:
        env.verbose(f"marking pointer arg{arg} as scalar as it may encode error")
        return CtxValue()
    return CtxValue(reg_type, btf, struct.id)
