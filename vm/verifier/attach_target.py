"""Where a tracing or LSM program is attached: what is known of the hook."""

from __future__ import annotations

from typing import NamedTuple

from vm.btf.types import Btf, Type


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
