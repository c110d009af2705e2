"""The hook to which a tracing or LSM program is attached."""

from __future__ import annotations

from vm.btf.types import Btf, Kind, Type
from vm.namedtuples import NamedTuple


class AttachTarget(NamedTuple):
    """The hook a program's context comes from (bpf_prog_aux.attach_*).

    name  -- as the kernel's messages call it: the function, or "btf_trace_sched_switch" without its prefix
    proto -- FUNC_PROTO of its arguments
    skip  -- arguments of `proto` that the program does not see (1 for tracepoints)
    params -- names of the arguments the program sees, where the prototype has none of its own
    ctx_args -- (offset in the context, register type, BTF id) an iterator declares
    """

    name: str
    btf: Btf
    btf_id: int
    proto: Type
    skip: int = 0
    params: tuple[str, ...] = ()
    ctx_args: tuple[tuple[int, int, int], ...] = ()


def slot_bytes(btf: Btf, type_id: int) -> int:
    """Bytes an argument or result of the type takes in a context."""
    found = btf.skip_modifiers(type_id)
    return 8 if found.kind is Kind.PTR else (found.size + 7) // 8 * 8


def arg_offset(btf: Btf, proto: Type, arg: int) -> int:
    """Where an argument lies in the context (btf_ctx_arg_offset)."""
    return sum(slot_bytes(btf, param.type_id) for param in proto.params[:arg])
