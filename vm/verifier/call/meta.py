"""Facts about one helper call, collected while its arguments are checked (struct bpf_call_arg_meta)."""

from __future__ import annotations

from typing import final

from vm.btf.types import Btf
from vm.native import mypyc_attr
from vm.program import MapSpec
from vm.verifier.prepass.record import RecordField


@mypyc_attr(free_list_len=1)
@final
class CallMeta:
    """map_index -1: no map argument yet; `spec` is that map (the inner template if inner_map)."""

    __slots__ = (
        "func_id", "pkt_access", "map_index", "inner_map", "map_uid", "spec", "raw_mode", "access_size", "regno",
        "release_regno", "mem_size", "msize_max_value", "ref_obj_id", "dynptr_id", "subprogno", "kptr_field",
        "ret_btf", "ret_btf_id", "percpu_object",
    )  # fmt: skip

    def __init__(self, func_id: int = 0, pkt_access: bool = False) -> None:
        self.func_id: int = func_id
        self.pkt_access: bool = pkt_access
        self.map_index: int = -1
        self.inner_map: bool = False
        self.map_uid: int = 0
        self.spec: MapSpec | None = None
        self.raw_mode: bool = False
        self.access_size: int = 0
        self.regno: int = 0
        self.release_regno: int = 0
        self.mem_size: int = 0
        self.msize_max_value: int = 0
        self.ref_obj_id: int = 0
        self.dynptr_id: int = 0
        self.subprogno: int = 0
        self.kptr_field: RecordField | None = None
        self.percpu_object: bool = False  # r1 is an allocated per-CPU object
        self.ret_btf: Btf | None = None
        self.ret_btf_id: int = 0
