"""Whether a kernel function's arguments and result can be passed on (btf_distill_func_proto of kernel/bpf/btf.c)."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Btf, Kind, Type
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.kfunc_meta import kind_str
from vm.verifier.rules.attach import (
    FUNC_MODEL_ARGUMENT_TYPE,
    FUNC_MODEL_RETURN_TYPE,
    FUNC_MODEL_TOO_MANY_ARGUMENTS,
    FUNC_MODEL_VARIABLE_ARGUMENTS,
    FUNC_MODEL_VOID_ARGUMENT,
)

MAX_BPF_FUNC_ARGS: Final = 12

_MAX_STRUCT: Final = 16
_SIZED: Final = frozenset({Kind.INT, Kind.ENUM, Kind.ENUM64, Kind.STRUCT})


def _size(btf: Btf, type_id: int) -> tuple[int, Type]:
    """Bytes a value of the type is passed in (0: void, -1: it cannot be passed), and the type (__get_type_size)."""
    found = btf.skip_modifiers(type_id) if type_id else btf.type(0)
    if not type_id:
        return 0, found
    if found.kind is Kind.PTR:
        return 8, found
    return (found.size if found.kind in _SIZED else -1), found


def distill(env: VerifierEnv, btf: Btf, proto: Type, name: str) -> int:
    """Rejects arguments and results that cannot be passed; returns the size of the result."""
    params = proto.params
    if len(params) > MAX_BPF_FUNC_ARGS:
        env.reject(FUNC_MODEL_TOO_MANY_ARGUMENTS, func=name, count=len(params))
    returned, found = _size(btf, proto.type_id)
    if returned < 0 or found.kind is Kind.STRUCT:
        env.reject(FUNC_MODEL_RETURN_TYPE, func=name, kind=kind_str(found))
    for i, param in enumerate(params):
        if i == len(params) - 1 and not param.type_id:
            env.reject(FUNC_MODEL_VARIABLE_ARGUMENTS, func=name)
        size, found = _size(btf, param.type_id)
        if not 0 <= size <= _MAX_STRUCT:
            env.reject(FUNC_MODEL_ARGUMENT_TYPE, func=name, arg=i, kind=kind_str(found))
        if not size:
            env.reject(FUNC_MODEL_VOID_ARGUMENT, func=name)
    return returned
