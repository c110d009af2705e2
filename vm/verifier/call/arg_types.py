"""Which registers fit which argument types (compatible_reg_types, check_reg_type, check_func_arg_reg_off)."""

from __future__ import annotations

from typing import Final

from vm.kernel import func_ids as f
from vm.kernel import types as k
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.names import func_id_name
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ptr import kernel_struct_id, vmlinux
from vm.verifier.mem.btf_walk import struct_ids_match
from vm.verifier.mem.common import check_ptr_off_reg
from vm.verifier.mem.kptr import check_kptr_match
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.helper_args import ARGUMENT_STRUCT, ARGUMENT_TYPE, HELPER_ARGUMENT_MAY_BE_NULL
from vm.verifier.rules.internal import (
    ALLOCATED_ARGUMENT_UNHANDLED,
    NO_COMPATIBLE_BTF_ID,
    REGISTER_WITHOUT_BTF_ID,
    UNSUPPORTED_ARGUMENT_TYPE,
)
from vm.verifier.rules.lifetime import RELEASE_POINTER_MOVED
from vm.verifier.rules.memory import HELPER_WRITES_READ_ONLY_MEMORY
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_SOCK: Final = (t.PTR_TO_SOCK_COMMON, t.PTR_TO_SOCKET, t.PTR_TO_TCP_SOCK, t.PTR_TO_XDP_SOCK)
_MEM: Final = (
    t.PTR_TO_STACK,
    t.PTR_TO_PACKET,
    t.PTR_TO_PACKET_META,
    t.PTR_TO_MAP_KEY,
    t.PTR_TO_MAP_VALUE,
    t.PTR_TO_MEM,
    t.PTR_TO_MEM | t.MEM_RINGBUF,
    t.PTR_TO_BUF,
    t.PTR_TO_BTF_ID | t.PTR_TRUSTED,
)
_SCALAR: Final = (t.SCALAR_VALUE,)
_PERCPU: Final = t.PTR_TO_BTF_ID | t.MEM_PERCPU

COMPATIBLE_REG_TYPES: Final[dict[int, tuple[int, ...]]] = {
    k.ARG_PTR_TO_MAP_KEY: _MEM,
    k.ARG_PTR_TO_MAP_VALUE: _MEM,
    k.ARG_CONST_SIZE: _SCALAR,
    k.ARG_CONST_SIZE_OR_ZERO: _SCALAR,
    k.ARG_CONST_ALLOC_SIZE_OR_ZERO: _SCALAR,
    k.ARG_SCALAR: _SCALAR,
    k.ARG_CONST_MAP_PTR: (t.CONST_PTR_TO_MAP,),
    k.ARG_PTR_TO_CTX: (t.PTR_TO_CTX,),
    k.ARG_PTR_TO_SOCK_COMMON: _SOCK,
    k.ARG_PTR_TO_BTF_ID_SOCK_COMMON: (*_SOCK, t.PTR_TO_BTF_ID, t.PTR_TO_BTF_ID | t.PTR_TRUSTED),
    k.ARG_PTR_TO_SOCKET: (t.PTR_TO_SOCKET,),
    k.ARG_PTR_TO_BTF_ID: (t.PTR_TO_BTF_ID, t.PTR_TO_BTF_ID | t.PTR_TRUSTED, t.PTR_TO_BTF_ID | t.MEM_RCU),
    k.ARG_PTR_TO_SPIN_LOCK: (t.PTR_TO_MAP_VALUE, t.PTR_TO_BTF_ID | t.MEM_ALLOC),
    k.ARG_PTR_TO_MEM: _MEM,
    k.ARG_PTR_TO_RINGBUF_MEM: (t.PTR_TO_MEM | t.MEM_RINGBUF,),
    k.ARG_PTR_TO_PERCPU_BTF_ID: (_PERCPU, _PERCPU | t.MEM_RCU, _PERCPU | t.PTR_TRUSTED),
    k.ARG_PTR_TO_FUNC: (t.PTR_TO_FUNC,),
    k.ARG_PTR_TO_STACK: (t.PTR_TO_STACK,),
    k.ARG_PTR_TO_CONST_STR: (t.PTR_TO_MAP_VALUE,),
    k.ARG_PTR_TO_TIMER: (t.PTR_TO_MAP_VALUE,),
    k.ARG_KPTR_XCHG_DEST: (t.PTR_TO_MAP_VALUE, t.PTR_TO_BTF_ID | t.MEM_ALLOC),
    k.ARG_PTR_TO_DYNPTR: (t.PTR_TO_STACK, t.CONST_PTR_TO_DYNPTR),
}


# Decided by the argument type: compiled code makes a new tuple of _MEM at each use, so it has no stable identity.
_TAKES_MEMORY: Final = frozenset({k.ARG_PTR_TO_MAP_KEY, k.ARG_PTR_TO_MAP_VALUE, k.ARG_PTR_TO_MEM})


def base_arg(arg_type: int) -> int:
    """The argument type without its flags."""
    return arg_type & t.BPF_BASE_TYPE_MASK


def check_reg_type(env: VerifierEnv, regno: int, arg_type: int, meta: CallMeta, btf_type: str = "") -> None:
    """Checks the type of the register. btf_type: name of the kernel struct that it must point to."""
    reg = env.cur_state.frame[-1].regs[regno]
    compatible = COMPATIBLE_REG_TYPES.get(base_arg(arg_type))
    if compatible is None:
        env.reject(UNSUPPORTED_ARGUMENT_TYPE, regno, arg_type=arg_type)
    reg_type = reg.type
    if arg_type & t.MEM_RDONLY:
        reg_type &= ~t.MEM_RDONLY
    if arg_type & t.PTR_MAYBE_NULL:
        reg_type &= ~t.PTR_MAYBE_NULL
    if base_arg(arg_type) == k.ARG_PTR_TO_MEM:
        reg_type &= ~t.DYNPTR_TYPE_FLAG_MASK
    if meta.func_id == f.KPTR_XCHG and reg_type & t.MEM_ALLOC and regno == 2:
        reg_type &= ~(t.MEM_ALLOC | t.MEM_PERCPU)
    if reg_type not in compatible:
        expected = ", ".join(reg_type_str(x) for x in compatible)
        null_is_all = reg_type & ~t.PTR_MAYBE_NULL in compatible and reg_type & t.PTR_MAYBE_NULL != 0
        env.reject(
            ARGUMENT_TYPE,
            regno,
            type=reg_type_str(reg.type),
            expected=expected,
            needed=need.argument(regno, reg, expected, null_is_all),
            only_null=null_is_all,
        )
    if reg.type & t.BPF_BASE_TYPE_MASK != t.PTR_TO_BTF_ID:
        return
    if base_arg(arg_type) in _TAKES_MEMORY:
        if not arg_type & t.MEM_RDONLY:
            env.reject(
                HELPER_WRITES_READ_ONLY_MEMORY, regno, func=func_id_name(meta.func_id), type=reg_type_str(reg.type)
            )
        return
    _check_btf_type(env, regno, arg_type, meta, btf_type or _DEFAULT_STRUCT.get(base_arg(arg_type), ""))


_DEFAULT_STRUCT: Final = {k.ARG_PTR_TO_BTF_ID_SOCK_COMMON: "sock_common"}


def _check_btf_type(env: VerifierEnv, regno: int, arg_type: int, meta: CallMeta, btf_type: str) -> None:
    """Checks that a pointer to a kernel type points to the required struct, or to one that starts with it."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type & t.MEM_PERCPU and not reg.type & t.MEM_ALLOC:
        return
    if reg.type & t.MEM_ALLOC:
        _check_object(env, regno, reg, meta)
        return
    releases = arg_type & t.OBJ_RELEASE != 0
    if reg.type & t.PTR_MAYBE_NULL and (not arg_type & t.PTR_MAYBE_NULL or releases):
        env.reject(HELPER_ARGUMENT_MAY_BE_NULL, regno)
    if meta.func_id == f.KPTR_XCHG and meta.kptr_field is not None:
        check_kptr_match(env, meta.kptr_field, regno)
        return
    if not btf_type:
        env.reject(NO_COMPATIBLE_BTF_ID, regno)
    btf = reg.btf
    assert btf is not None
    need = kernel_struct_id(btf_type)
    strict = releases and meta.func_id != f.SK_RELEASE
    if not struct_ids_match(env, btf, reg.btf_id, reg.off, vmlinux(), need, strict, True):
        env.reject(ARGUMENT_STRUCT, regno, have=btf.type(reg.btf_id).name, wanted=btf_type)


def _check_object(env: VerifierEnv, regno: int, reg: RegState, meta: CallMeta) -> None:
    """Checks an allocated object as an argument: for its lock, or to be stored in a field."""
    if reg.type & ~t.MEM_PERCPU != t.PTR_TO_BTF_ID | t.MEM_ALLOC:
        env.reject(REGISTER_WITHOUT_BTF_ID, regno)
    if meta.func_id not in (f.SPIN_LOCK, f.SPIN_UNLOCK, f.KPTR_XCHG):
        env.reject(ALLOCATED_ARGUMENT_UNHANDLED, regno)
    if meta.func_id == f.KPTR_XCHG and regno == 2 and meta.kptr_field is not None:
        check_kptr_match(env, meta.kptr_field, regno)


_ANY_OFFSET: Final = frozenset(
    {
        t.PTR_TO_STACK, t.PTR_TO_PACKET, t.PTR_TO_PACKET_META, t.PTR_TO_MAP_KEY, t.PTR_TO_MAP_VALUE, t.PTR_TO_MEM,
        t.PTR_TO_MEM | t.MEM_RDONLY, t.PTR_TO_MEM | t.MEM_RINGBUF, t.PTR_TO_BUF, t.PTR_TO_BUF | t.MEM_RDONLY,
        t.PTR_TO_ARENA, t.SCALAR_VALUE,
    }
)  # fmt: skip
_FIXED_OFFSET: Final = frozenset(
    {
        t.PTR_TO_BTF_ID, t.PTR_TO_BTF_ID | t.MEM_ALLOC, t.PTR_TO_BTF_ID | t.PTR_TRUSTED, t.PTR_TO_BTF_ID | t.MEM_RCU,
        t.PTR_TO_BTF_ID | t.MEM_ALLOC | t.NON_OWN_REF, t.PTR_TO_BTF_ID | t.MEM_ALLOC | t.NON_OWN_REF | t.MEM_RCU,
    }
)  # fmt: skip


def check_func_arg_reg_off(env: VerifierEnv, reg: RegState, regno: int, arg_type: int) -> None:
    """check_func_arg_reg_off(): rejects pointers with an offset, unless the access check handles the offset."""
    if arg_type & t.OBJ_RELEASE:
        if base_arg(arg_type) == k.ARG_PTR_TO_DYNPTR and reg.type == t.PTR_TO_STACK:
            return
        if reg.off:
            env.reject(RELEASE_POINTER_MOVED, regno)
        check_ptr_off_reg(env, reg, regno)
    elif reg.type not in _ANY_OFFSET:
        check_ptr_off_reg(env, reg, regno, reg.type in _FIXED_OFFSET)
