"""Helpers of Linux 6.12: declarations, struct bpf_func_proto facts, and which program may call which.

The data is what scripts/extract_helpers.py read from the kernel image; numbers are those of
vm.kernel.types (enum bpf_arg_type, bpf_return_type with their flags).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from vm.kernel.types import (
    BPF_LSM_CGROUP,
    BPF_PROG_TYPE_EXT,
    BPF_PROG_TYPE_LSM,
    BPF_PROG_TYPE_STRUCT_OPS,
    BPF_PROG_TYPE_TRACING,
    BPF_TRACE_ITER,
)


class Param(NamedTuple):
    """A parameter as C declares it; a variadic tail has the type "..." and no name."""

    type: str
    name: str


class Helper(NamedTuple):
    """One helper function; `ret` and `params` are its declaration in bpf_helper_defs.h."""

    id: int
    name: str  # bpf_map_lookup_elem
    ret: str
    params: tuple[Param, ...]


@dataclass(frozen=True, slots=True)
class FuncProto:
    """A struct bpf_func_proto.

    ret_type, arg_types -- enum bpf_return_type and bpf_arg_type with flags; always five arguments
    arg_sizes    -- bytes of fixed-size memory arguments (MEM_FIXED_SIZE), else 0
    arg_btf_ids  -- name of the kernel type an argument must be; "*" where another argument
                    tells it (BPF_PTR_POISON), "" where none is asked
    ret_btf_id   -- name of the kernel type returned, or ""
    allowed      -- name of the kernel's extra condition (fn->allowed), or ""
    func         -- kernel function that does the work, "" where the verifier always replaces the call
    """

    symbol: str
    func: str
    ret_type: int
    arg_types: tuple[int, int, int, int, int]
    arg_sizes: tuple[int, ...] = (0, 0, 0, 0, 0)
    arg_btf_ids: tuple[str, ...] = ("", "", "", "", "")
    ret_btf_id: str = ""
    allowed: str = ""
    gpl_only: bool = False
    pkt_access: bool = False
    might_sleep: bool = False
    allow_fastcall: bool = False


MAX_BPF_FUNC: Final = 212  # __BPF_FUNC_MAX_ID


@cache
def _data() -> Any:
    return json.loads(files("vm.kernel").joinpath("data/helpers.json").read_text())


@cache
def _helpers() -> dict[int, Helper]:
    return {
        func_id: Helper(func_id, name, ret, tuple(Param(*p) for p in params))
        for func_id, name, ret, params in _data()["helpers"]
    }


@cache
def _by_name() -> dict[str, Helper]:
    return {h.name: h for h in _helpers().values()}


def helper(func_id: int) -> Helper | None:
    """The helper of an id (enum bpf_func_id), or None."""
    return _helpers().get(func_id)


def helper_by_name(name: str) -> Helper | None:
    """The helper of that name, with its bpf_ prefix or without."""
    return _by_name().get(name) or _by_name().get(f"bpf_{name}")


def all_helpers() -> tuple[Helper, ...]:
    """Every helper by id."""
    return tuple(_helpers().values())


@cache
def _proto(index: int) -> FuncProto:
    raw = _data()["protos"][index]
    args = (*raw["args"], 0, 0, 0, 0, 0)[:5]
    return FuncProto(
        symbol=raw["symbol"],
        func=raw["func"],
        ret_type=raw["ret"],
        arg_types=args,
        arg_sizes=tuple(raw.get("sizes", (0,) * 5)),
        arg_btf_ids=tuple(raw.get("btf_ids", ("",) * 5)),
        ret_btf_id=raw.get("ret_btf_id", ""),
        allowed=raw.get("allowed", ""),
        gpl_only=bool(raw.get("gpl_only")),
        pkt_access=bool(raw.get("pkt_access")),
        might_sleep=bool(raw.get("might_sleep")),
        allow_fastcall=bool(raw.get("allow_fastcall")),
    )


@cache
def protos() -> tuple[FuncProto, ...]:
    """Every prototype any program can be given."""
    return tuple(_proto(i) for i in range(len(_data()["protos"])))


@cache
def program_types() -> frozenset[int]:
    """Program types the kernel has; a program of another is refused before it is looked at (find_prog_type)."""
    return frozenset({int(key.split("/")[0]) for key in _data()["access"]} | {BPF_PROG_TYPE_EXT})


@cache
def _table(prog_type: int, attach: int, sleepable: bool, hook: str, privileged: bool) -> tuple[int, ...]:
    access, base = _data()["access"], f"{prog_type}/{attach}"
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
    return tuple(_data()["tables"][found]) if found is not None else (0,) * MAX_BPF_FUNC


@cache
def _wants_perfmon(prog_type: int) -> frozenset[int]:
    """Helpers that programs of this type have only if the user has CAP_PERFMON."""
    table = _data()["perfmon"]
    return frozenset(table.get(str(prog_type), table[""]))


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
    return _proto(index - 1) if index else None
