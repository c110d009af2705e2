"""Helpers: declarations, struct bpf_func_proto facts, and which program may call which.

The functions answer for the kernel that is emulated; numbers are those of vm.kernel.types
(enum bpf_arg_type, bpf_return_type with their flags).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from vm.kernel.func_ids import MAX_BPF_FUNC
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


class HelperFacts:
    """What helpers.json holds of one kernel."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._protos: dict[int, FuncProto] = {}

    @cached_property
    def by_id(self) -> dict[int, Helper]:
        """Every helper by its number."""
        return {
            func_id: Helper(func_id, name, ret, tuple(Param(*p) for p in params))
            for func_id, name, ret, params in self._raw["helpers"]
        }

    @cached_property
    def by_name(self) -> dict[str, Helper]:
        """Every helper by its name, "bpf_map_lookup_elem"."""
        return {h.name: h for h in self.by_id.values()}

    @property
    def access(self) -> dict[str, int]:
        """ "PROG_TYPE/ATTACH_TYPE[/sleepable, unprivileged or a hook]" -> the table of helpers such programs have."""
        found: dict[str, int] = self._raw["access"]
        return found

    def table(self, index: int) -> tuple[int, ...]:
        """For each helper's number, the index of its prototype plus 1, or 0."""
        return tuple(self._raw["tables"][index])

    def proto(self, index: int) -> FuncProto:
        """The prototype of that index."""
        found = self._protos.get(index)
        if found is None:
            found = self._protos[index] = _proto_of(self._raw["protos"][index])
        return found

    @cached_property
    def protos(self) -> tuple[FuncProto, ...]:
        """Every prototype any program can be given."""
        return tuple(self.proto(i) for i in range(len(self._raw["protos"])))

    @cached_property
    def program_types(self) -> frozenset[int]:
        """Program types the kernel has (find_prog_type)."""
        return frozenset({int(key.split("/")[0]) for key in self.access} | {BPF_PROG_TYPE_EXT})

    def wants_perfmon(self, prog_type: int) -> frozenset[int]:
        """Helpers that programs of this type have only if the user has CAP_PERFMON."""
        table = self._raw["perfmon"]
        return frozenset(table.get(str(prog_type), table[""]))


def _proto_of(raw: Any) -> FuncProto:
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
