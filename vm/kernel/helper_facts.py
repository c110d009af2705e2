"""Helpers as `make facts` wrote them: declarations, prototypes, and which program may call which."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from vm.kernel.types import (
    BPF_PROG_TYPE_EXT,
)
from vm.namedtuples import NamedTuple


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


class FuncProto(NamedTuple):
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
