"""Checks of the attach target (check_attach_btf_id, bpf_check_attach_target)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Btf, Kind, Type
from vm.errors import InputError
from vm.kernel import types as k
from vm.kernel.attach import attach_target
from vm.kernel.helpers import program_types
from vm.kernel.hooks import id_set
from vm.kernel.symbols import ksym_address
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.func_model import distill
from vm.verifier.prepass.hooks import ITER_ARGS, LSM_DISABLED_HOOKS, SLEEPABLE_LSM_HOOKS
from vm.verifier.prepass.struct_ops import struct_ops_target
from vm.verifier.rules.attach import (
    ATTACH_ITERATOR_MISSING,
    ATTACH_TARGET_DENIED,
    ATTACH_TARGET_MISSING,
    ATTACH_TARGET_NORETURN,
    ATTACH_TARGET_NOT_MODIFIABLE,
    ATTACH_TARGET_WIDE_RESULT,
    ATTACH_TARGET_WITHOUT_ADDRESS,
    LSM_HOOK_DISABLED,
    LSM_LICENCE,
    RAW_TRACEPOINT_TYPE_NAME,
    REPLACE_KERNEL_FUNCTION,
    TRACING_ATTACH_TYPE,
)
from vm.verifier.rules.context import SLEEPABLE_ATTACH_TARGET, SLEEPABLE_PROGRAM_TYPE, SYSCALL_NOT_SLEEPABLE
from vm.verifier.state import reg_types as t
from vm.verifier.state.attach_target import AttachTarget

_SLEEPABLE_TRACING: Final = frozenset({k.BPF_TRACE_FENTRY, k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN, k.BPF_TRACE_ITER})
_TRACING: Final = frozenset({k.BPF_TRACE_RAW_TP, k.BPF_TRACE_FENTRY, k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN})
"""Attach types of tracing programs, except iterators."""
_RAW_TP_PREFIX: Final = "btf_trace_"


def _can_be_sleepable(prog_type: int, attach_type: int) -> bool:
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        return attach_type in _SLEEPABLE_TRACING
    if prog_type == k.BPF_PROG_TYPE_LSM:
        return attach_type != k.BPF_LSM_CGROUP
    return prog_type in (k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_STRUCT_OPS)


def check_attach(env: VerifierEnv) -> None:
    """Rejects sleepable programs that cannot be sleepable; finds the hook of tracing, LSM and struct_ops programs."""
    prog_type = env.program.prog_type
    if prog_type not in program_types():
        raise InputError(f"The kernel has no programs of type {k.enum_name('bpf_prog_type', prog_type)}.")
    if prog_type == k.BPF_PROG_TYPE_SYSCALL:
        if not env.sleepable:
            env.reject(SYSCALL_NOT_SLEEPABLE)
        return
    if env.sleepable and not _can_be_sleepable(prog_type, env.program.expected_attach_type):
        env.reject(SLEEPABLE_PROGRAM_TYPE)
    if prog_type == k.BPF_PROG_TYPE_STRUCT_OPS:
        env.attach_target = struct_ops_target(env)
    elif prog_type == k.BPF_PROG_TYPE_TRACING:
        env.attach_target = _tracing_target(env)
    elif prog_type == k.BPF_PROG_TYPE_LSM:
        env.attach_target = _lsm_target(env)
    elif prog_type == k.BPF_PROG_TYPE_EXT:
        # There is no target program here: targets are functions of the kernel.
        _find(env)
        env.reject(REPLACE_KERNEL_FUNCTION)


def _proto(btf: Btf, found: Type) -> Type:
    """The prototype of a function, or of the function a typedef points to."""
    if found.kind is Kind.TYPEDEF:
        found = btf.type(found.type_id)
    return btf.type(found.type_id)


def _find(env: VerifierEnv) -> tuple[Btf, Type]:
    from vm.kernel.btf import kernel_btf

    program = env.program
    found = attach_target(program.prog_type, program.expected_attach_type, program.attach_btf_name)
    if found is None:
        # Loaders refuse names that the kernel does not have.
        env.reject(ATTACH_TARGET_MISSING)
    return kernel_btf(), found


def _tracing_target(env: VerifierEnv) -> AttachTarget:
    program = env.program
    attach = program.expected_attach_type
    if attach == k.BPF_TRACE_ITER:
        return _iter_target(env)
    btf, found = _find(env)
    if attach not in _TRACING:
        env.reject(TRACING_ATTACH_TYPE)
    proto = _proto(btf, found)
    if attach != k.BPF_TRACE_RAW_TP:
        returned = distill(env, btf, proto, found.name)
        if returned > 8 and attach in (k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN):
            env.reject(ATTACH_TARGET_WIDE_RESULT, func=found.name)
        _check_address(env, found.name)
        _check_trampoline(env, found.name)
        return AttachTarget(found.name, btf, found.id, proto)
    name = found.name.removeprefix(_RAW_TP_PREFIX)
    # The typedef's arguments have no names; those of the function that is traced do.
    traced = btf.find(f"__bpf_trace_{name}", Kind.FUNC)
    names = tuple(p.name for p in _proto(btf, traced).params[1:]) if traced is not None else ()
    return AttachTarget(name, btf, found.id, proto, 1, names)


# Functions whose return value may be replaced, beside the security hooks (fmod_ret id sets). This kernel is built
# without error injection, which would add more, and let programs at more functions sleep.
_REPLACEABLE: Final = frozenset(
    {
        "bpf_fentry_test1", "bpf_modify_return_test", "bpf_modify_return_test2", "bpf_modify_return_test_tp",
        "update_socket_protocol",
    }
)  # fmt: skip
_SLEEPABLE: Final = frozenset({"bpf_fentry_test1"})


def _check_address(env: VerifierEnv, name: str) -> None:
    """Whether the function exists: not inlined everywhere, and not freed after booting."""
    if ksym_address(name) is None:
        env.reject(ATTACH_TARGET_WITHOUT_ADDRESS, func=name)


def _check_trampoline(env: VerifierEnv, name: str) -> None:
    """Whether a sleepable program, or one that replaces the return value, may be attached to the function."""
    attach = env.program.expected_attach_type
    if env.sleepable:
        if name not in _SLEEPABLE:
            env.reject(SLEEPABLE_ATTACH_TARGET, func=name)
    elif attach == k.BPF_MODIFY_RETURN and name not in _REPLACEABLE and not name.startswith("security_"):
        env.reject(ATTACH_TARGET_NOT_MODIFIABLE, func=name)
    if name in id_set("btf_id_deny"):
        env.reject(ATTACH_TARGET_DENIED)
    if attach in (k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN) and name in id_set("noreturn_deny"):
        env.reject(ATTACH_TARGET_NORETURN)


_BUF_OR_NULL: Final = t.PTR_TO_BUF | t.PTR_MAYBE_NULL
_ITER_KINDS: Final = {
    "trusted": t.PTR_TO_BTF_ID_OR_NULL | t.PTR_TRUSTED,
    "plain": t.PTR_TO_BTF_ID_OR_NULL,
    "rdonly_buf": _BUF_OR_NULL | t.MEM_RDONLY,
    "rdwr_buf": _BUF_OR_NULL,
}


def _iter_target(env: VerifierEnv) -> AttachTarget:
    btf, found = _find(env)
    distill(env, btf, _proto(btf, found), found.name)
    name = found.name.removeprefix("bpf_iter_")
    args = ITER_ARGS.get(name)
    if args is None:
        env.reject(ATTACH_ITERATOR_MISSING)
    ctx_args = tuple(
        (
            btf.offset_of(f"bpf_iter__{name}", field),
            _ITER_KINDS[arg.kind],
            btf.struct(arg.struct).id if arg.struct else 0,
        )
        for field, arg in args.items()
    )
    return AttachTarget(found.name, btf, found.id, _proto(btf, found), ctx_args=ctx_args)


def _lsm_target(env: VerifierEnv) -> AttachTarget:
    btf, found = _find(env)
    distill(env, btf, _proto(btf, found), found.name)
    _check_address(env, found.name)
    hook = found.name.removeprefix("bpf_lsm_")
    if env.sleepable and hook not in SLEEPABLE_LSM_HOOKS:
        env.reject(SLEEPABLE_ATTACH_TARGET, func=found.name)
    if not env.program.gpl_compatible:
        env.reject(LSM_LICENCE)
    if hook in LSM_DISABLED_HOOKS:
        env.reject(LSM_HOOK_DISABLED, btf_id=found.id, func=found.name)
    if found.name not in id_set("bpf_lsm_hooks"):
        env.reject(RAW_TRACEPOINT_TYPE_NAME, btf_id=found.id, name=found.name)
    return AttachTarget(found.name, btf, found.id, _proto(btf, found))
