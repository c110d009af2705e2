"""Helpers: declarations, struct bpf_func_proto facts, and which program may call which.

The functions answer for the kernel that is emulated; numbers are those of vm.kernel.types
(enum bpf_arg_type, bpf_return_type with their flags).
"""

from __future__ import annotations

from functools import cache

from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helper_facts import FuncProto, Helper, HelperFacts
from vm.kernel.types import (
    BPF_LSM_CGROUP,
    BPF_PROG_TYPE_LSM,
    BPF_PROG_TYPE_STRUCT_OPS,
    BPF_PROG_TYPE_TRACING,
    BPF_TRACE_ITER,
)


@cache
def _facts() -> HelperFacts:
    from vm.kernel.facts import emulated

    return emulated().helpers


def helper(func_id: int) -> Helper | None:
    """The helper of an id (enum bpf_func_id), or None."""
    return _facts().by_id.get(func_id)


def helper_by_name(name: str) -> Helper | None:
    """The helper of that name, with its bpf_ prefix or without."""
    return _facts().by_name.get(name) or _facts().by_name.get(f"bpf_{name}")


def all_helpers() -> tuple[Helper, ...]:
    """Every helper by id."""
    return tuple(_facts().by_id.values())


def protos() -> tuple[FuncProto, ...]:
    """Every prototype any program can be given."""
    return _facts().protos


def program_types() -> frozenset[int]:
    """Program types the kernel has; a program of another is refused before it is looked at (find_prog_type)."""
    return _facts().program_types


@cache
def _table(prog_type: int, attach: int, sleepable: bool, hook: str, privileged: bool) -> tuple[int, ...]:
    access, base = _facts().access, f"{prog_type}/{attach}"
    if prog_type == BPF_PROG_TYPE_STRUCT_OPS:
        # There expected_attach_type is the index of the operation; most do not look at it.
        keys = [f"{base}/{hook}", f"{prog_type}/0/{hook}"]
    else:
        looks_at_hook = (prog_type, attach) in (
            (BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER),
            (BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP),
        )
        keys = [f"{prog_type}/0/unprivileged"] if not privileged else []
        keys += [f"{base}/{hook}"] if looks_at_hook else []
        for suffix in ("/sleepable", "") if sleepable else ("",):
            keys += [f"{base}{suffix}", f"{prog_type}/0{suffix}"]
    found = next((access[key] for key in keys if key in access), None)
    return _facts().table(found) if found is not None else (0,) * MAX_BPF_FUNC


@cache
def _wants_perfmon(prog_type: int) -> frozenset[int]:
    """Helpers that programs of this type have only if the user has CAP_PERFMON."""
    return _facts().wants_perfmon(prog_type)


def helper_proto(
    prog_type: int,
    expected_attach_type: int,
    func_id: int,
    *,
    sleepable: bool = False,
    hook: str = "",
    privileged: bool = True,
    perfmon: bool = True,
) -> FuncProto | None:
    """What env->ops->get_func_proto() answers: the prototype, or None if this program may not call it.

    hook       -- name of the iterator target ("tcp"), LSM hook ("socket_bind") or struct_ops
                  type ("tcp_congestion_ops")
    privileged -- whether the loader has CAP_BPF
    perfmon    -- whether the loader has CAP_PERFMON
    Not looked at here: gpl_only, `allowed`, might_sleep, which check_helper_call() tests afterwards.
    """
    if not 0 < func_id < MAX_BPF_FUNC:
        return None
    if not perfmon and func_id in _wants_perfmon(prog_type):
        return None
    index = _table(prog_type, expected_attach_type, sleepable, hook, privileged)[func_id]
    return _facts().proto(index - 1) if index else None
