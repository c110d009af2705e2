"""Special fields of map values and allocated objects, from vm.kernel.record, in the form that the walk uses."""

from __future__ import annotations

from vm.kernel.record import (
    BPF_GRAPH_NODE,
    BPF_GRAPH_ROOT,
    BPF_KPTR,
    MAP_VALUE_FIELDS,
    NO_RECORD,
    Record,
    RecordField,
    field_type_name,
    parse_fields,
    struct_metas,
)
from vm.kernel.types import (
    BPF_KPTR_PERCPU,
    BPF_KPTR_REF,
    BPF_KPTR_UNREF,
    BPF_LIST_HEAD,
    BPF_LIST_NODE,
    BPF_RB_NODE,
    BPF_RB_ROOT,
    BPF_REFCOUNT,
    BPF_SPIN_LOCK,
    BPF_TIMER,
    BPF_WORKQUEUE,
)
from vm.program import MapSpec, Program

__all__ = [
    "BPF_GRAPH_NODE", "BPF_GRAPH_ROOT", "BPF_KPTR", "BPF_KPTR_PERCPU", "BPF_KPTR_REF", "BPF_KPTR_UNREF",
    "BPF_LIST_HEAD", "BPF_LIST_NODE", "BPF_RB_NODE", "BPF_RB_ROOT", "BPF_REFCOUNT", "BPF_SPIN_LOCK", "BPF_TIMER",
    "BPF_WORKQUEUE", "NO_RECORD", "Record", "RecordField", "field_type_name", "map_record", "struct_metas",
]  # fmt: skip


def map_record(program: Program, spec: MapSpec) -> Record:
    """The special fields of a map's values."""
    if program.btf is None or not spec.btf_value_type_id:
        return NO_RECORD
    return parse_fields(program.btf, spec.btf_value_type_id, MAP_VALUE_FIELDS, spec.value_size)
