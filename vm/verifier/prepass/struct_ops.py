"""The operation that a struct_ops program implements (check_struct_ops_btf_id)."""

from __future__ import annotations

from typing import Final, NoReturn

from vm.btf.types import Btf, Kind, Type
from vm.kernel.errno import EINVAL, ENOTSUPP
from vm.kernel.hooks import struct_ops
from vm.verifier.env import VerifierEnv
from vm.verifier.rules.attach import (
    STRUCT_OPS_LICENCE,
    STRUCT_OPS_MEMBER_INDEX,
    STRUCT_OPS_MEMBER_KIND,
    STRUCT_OPS_MEMBER_UNSUPPORTED,
    STRUCT_OPS_STRUCT,
    STRUCT_OPS_STRUCT_MISSING,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.attach_target import AttachTarget, arg_offset

_NULLABLE: Final = t.PTR_TO_BTF_ID | t.PTR_TRUSTED | t.PTR_MAYBE_NULL


def function_pointer(btf: Btf, type_id: int) -> Type | None:
    """The prototype behind a pointer to a function, None for other types (btf_type_resolve_func_ptr)."""
    found = btf.skip_modifiers(type_id)
    if found.kind is not Kind.PTR:
        return None
    found = btf.skip_modifiers(found.type_id)
    return found if found.kind is Kind.FUNC_PROTO else None


def struct_ops_target(env: VerifierEnv) -> AttachTarget:
    """The operation of the program: a member, by the index in attach type, of the struct that it names."""
    from vm.kernel.btf import kernel_btf

    program, btf = env.program, kernel_btf()
    if not program.gpl_compatible:
        env.reject(STRUCT_OPS_LICENCE)
    name = program.attach_btf_name
    owner = btf.find(name, Kind.STRUCT) if name else None
    if owner is None:
        env.reject(STRUCT_OPS_STRUCT_MISSING)
    ops = struct_ops(name)
    if ops is None:
        env.reject(STRUCT_OPS_STRUCT, btf_id=owner.id)
    index = program.expected_attach_type
    if index >= len(owner.members):
        env.reject(STRUCT_OPS_MEMBER_INDEX, index=index, struct=name)
    member = owner.members[index]
    proto = function_pointer(btf, member.type_id)
    if proto is None:
        env.reject(STRUCT_OPS_MEMBER_KIND, member=member.name, index=index, struct=name)
    operation = ops.operations.get(member.name)
    if operation is None:
        _unsupported(env, ENOTSUPP, member.name)
    if env.sleepable and not operation.sleepable:
        _unsupported(env, EINVAL, member.name)
    nullable = tuple(
        (arg_offset(btf, proto, arg), _NULLABLE, _pointed_to(btf, proto.params[arg].type_id))
        for arg in operation.nullable
    )
    return AttachTarget(member.name, btf, owner.id, proto, ctx_args=nullable)


def _pointed_to(btf: Btf, pointer: int) -> int:
    return btf.skip_modifiers(btf.skip_modifiers(pointer).type_id).id


def _unsupported(env: VerifierEnv, errno: int, member: str) -> NoReturn:
    env.reject(STRUCT_OPS_MEMBER_UNSUPPORTED, member=member, struct=env.program.attach_btf_name, errno=errno)
