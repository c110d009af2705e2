"""Special fields of values and objects: locks, timers, kernel pointers, lists and trees (struct btf_record).

Read from a program's BTF as btf_parse_fields() of kernel/bpf/btf.c does.
"""

from __future__ import annotations

from typing import Final

from vm.btf.types import MAX_DEPTH, Btf, Kind, Type
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
    BTF_FIELDS_MAX,
)
from vm.namedtuples import NamedTuple

# enum btf_field_type
BPF_KPTR: Final = BPF_KPTR_UNREF | BPF_KPTR_REF | BPF_KPTR_PERCPU
BPF_GRAPH_NODE: Final = BPF_RB_NODE | BPF_LIST_NODE
BPF_GRAPH_ROOT: Final = BPF_RB_ROOT | BPF_LIST_HEAD

MAP_VALUE_FIELDS: Final = (
    BPF_SPIN_LOCK | BPF_TIMER | BPF_KPTR | BPF_LIST_HEAD | BPF_RB_ROOT | BPF_REFCOUNT | BPF_WORKQUEUE
)
OBJECT_FIELDS: Final = (
    BPF_SPIN_LOCK | BPF_LIST_HEAD | BPF_LIST_NODE | BPF_RB_ROOT | BPF_RB_NODE | BPF_REFCOUNT | BPF_KPTR
)
_OWNED_KPTR: Final = BPF_KPTR_REF | BPF_KPTR_PERCPU
MAX_OWNERSHIP_DEPTH: Final = 8

# Structs whose members make a struct one that programs allocate (alloc_obj_fields).
_ALLOCATED: Final = ("bpf_spin_lock", "bpf_list_head", "bpf_list_node", "bpf_rb_root", "bpf_rb_node", "bpf_refcount")

# name of the struct -> (field type, size, alignment, at most one of it in a value)
_STRUCTS: Final = {
    "bpf_spin_lock": (BPF_SPIN_LOCK, 4, 4, True),
    "bpf_timer": (BPF_TIMER, 16, 8, True),
    "bpf_wq": (BPF_WORKQUEUE, 16, 8, True),
    "bpf_list_head": (BPF_LIST_HEAD, 16, 8, False),
    "bpf_list_node": (BPF_LIST_NODE, 24, 8, False),
    "bpf_rb_root": (BPF_RB_ROOT, 16, 8, False),
    "bpf_rb_node": (BPF_RB_NODE, 32, 8, False),
    "bpf_refcount": (BPF_REFCOUNT, 4, 4, True),
}
_FIELD_NAMES: Final = {
    BPF_SPIN_LOCK: "bpf_spin_lock",
    BPF_TIMER: "bpf_timer",
    BPF_WORKQUEUE: "bpf_wq",
    BPF_KPTR_UNREF: "kptr",
    BPF_KPTR_REF: "kptr",
    BPF_KPTR_PERCPU: "percpu_kptr",
    BPF_LIST_HEAD: "bpf_list_head",
    BPF_LIST_NODE: "bpf_list_node",
    BPF_RB_ROOT: "bpf_rb_root",
    BPF_RB_NODE: "bpf_rb_node",
    BPF_REFCOUNT: "bpf_refcount",
}
_KPTR_TAGS: Final = {"kptr_untrusted": BPF_KPTR_UNREF, "kptr": BPF_KPTR_REF, "percpu_kptr": BPF_KPTR_PERCPU}
# Kernel structs with a destructor (register_btf_id_dtor_kfuncs): only those may be left in a map.
_DESTRUCTIBLE: Final = frozenset(
    {"task_struct", "cgroup", "bpf_cpumask", "bpf_crypto_ctx", "prog_test_ref_kfunc", "prog_test_member"}
)
_REPEATABLE: Final = BPF_KPTR | BPF_LIST_HEAD | BPF_RB_ROOT


def field_type_name(field_type: int) -> str:
    """btf_field_type_name()."""
    return _FIELD_NAMES[field_type]


class RecordField(NamedTuple):
    """struct btf_field. type_id: the pointed-to struct of a kptr, the element of a list or tree (program BTF).

    node_offset: where in that element its node lies.
    """

    kind: int
    offset: int
    size: int
    type_id: int = 0
    node_offset: int = 0


class Record(NamedTuple):
    """struct btf_record: fields by offset; mask is the union of their kinds."""

    fields: tuple[RecordField, ...]
    mask: int

    def has(self, kind: int) -> bool:
        """btf_record_has_field()."""
        return self.mask & kind != 0

    def find(self, offset: int, mask: int) -> RecordField | None:
        """btf_record_find(): the field of one of the kinds that starts exactly at `offset`."""
        for field in self.fields:
            if field.offset == offset and field.kind & mask:
                return field
        return None

    def offset_of(self, kind: int) -> int:
        """Offset of the value's only field of that kind, -1 if it has none."""
        for field in self.fields:
            if field.kind == kind:
                return field.offset
        return -1


NO_RECORD: Final = Record((), 0)


class _MalformedError(Exception):
    """The fields cannot be used as they are declared."""


def parse_fields(btf: Btf, type_id: int, mask: int, value_size: int) -> Record:
    """btf_parse_fields(); NO_RECORD if there are none or they are malformed: a map's value then has none."""
    key = ("fields", type_id, mask, value_size)
    if key not in btf.derived:
        try:
            btf.derived[key] = _parse(btf, type_id, mask, value_size)
        except _MalformedError:
            btf.derived[key] = NO_RECORD
    found: Record = btf.derived[key]
    return found


def _parse(btf: Btf, type_id: int, mask: int, value_size: int) -> Record:
    return _checked(btf, _Finder(btf, mask).find(btf.skip_modifiers(type_id)), value_size)


def struct_metas(btf: Btf) -> dict[int, Record] | None:
    """Records of the structs of which programs may allocate objects; None: the kernel refuses the BTF over one of them.

    Only a struct that has a special field itself, not in a struct or array inside it, counts (btf_parse_struct_metas).
    """
    key = ("struct_metas",)
    if key not in btf.derived:
        btf.derived[key] = _struct_metas(btf)
    found: dict[int, Record] | None = btf.derived[key]
    return found


def _struct_metas(btf: Btf) -> dict[int, Record] | None:
    found = {kind.id for kind in (btf.find(name, Kind.STRUCT) for name in _ALLOCATED) if kind is not None}
    found |= {pointer.id for pointer in btf.of_kind(Kind.PTR, Kind.VOLATILE) if _is_kptr(btf, pointer)}
    metas: dict[int, Record] = {}
    if not found:
        return metas
    try:
        for owner in btf.of_kind(Kind.STRUCT):
            if any(member.type_id in found for member in owner.members):
                record = _parse(btf, owner.id, OBJECT_FIELDS, owner.size)
                if not record.fields:
                    return None
                metas[owner.id] = record
    except _MalformedError:
        return None
    depths: dict[int, int] = {}
    return metas if all(_depth(btf, metas, depths, one, MAX_OWNERSHIP_DEPTH) for one in metas) else None


def roots_lead_to_metas(btf: Btf, record: Record) -> bool:
    """Whether what lists and trees hold can be allocated (btf_check_and_fixup_fields)."""
    metas = struct_metas(btf) or {}
    return all(field.type_id in metas for field in record.fields if field.kind & BPF_GRAPH_ROOT)


def _depth(btf: Btf, metas: dict[int, Record], depths: dict[int, int], type_id: int, left: int) -> int:
    """How deep objects own others, 0 if too deep or if what is owned cannot be (btf_ownership_depth)."""
    if not left:
        return 0
    if type_id not in depths:
        deepest = 0
        for field in metas[type_id].fields:
            if field.kind & BPF_GRAPH_ROOT and field.type_id not in metas:
                return 0
            if field.kind & _OWNED_KPTR and _is_kernel_type(btf.type(field.type_id)):
                continue
            if field.kind & (BPF_GRAPH_ROOT | _OWNED_KPTR) and field.type_id in metas:
                depth = _depth(btf, metas, depths, field.type_id, left - 1)
                if not depth:
                    return 0
                deepest = max(deepest, depth)
        depths[type_id] = deepest + 1
    return depths[type_id] if depths[type_id] <= left else 0


def _is_kptr(btf: Btf, pointer: Type) -> bool:
    try:
        return _Finder(btf, BPF_KPTR).target(pointer) is not None
    except _MalformedError:
        return False


def _checked(btf: Btf, found: list[RecordField], value_size: int) -> Record:
    mask = 0
    next_off = 0
    fields = []
    for field in found:
        if field.offset + field.size > value_size or field.offset < next_off:
            raise _MalformedError
        next_off = field.offset + field.size
        mask |= field.kind
        fields.append(field)
    if mask & BPF_GRAPH_ROOT and not mask & BPF_SPIN_LOCK:
        raise _MalformedError
    if not mask & BPF_REFCOUNT and mask & BPF_LIST_NODE and mask & BPF_RB_NODE:
        raise _MalformedError
    return Record(tuple(fields), mask) if fields else NO_RECORD


class _Finder:
    """One search through a type; `seen` holds the kinds a value may have only once."""

    def __init__(self, btf: Btf, mask: int) -> None:
        self.btf = btf
        self.mask = mask
        self.seen = 0

    def find(self, owner: Type) -> list[RecordField]:
        if owner.kind is Kind.STRUCT:
            return self.find_members(owner, 0)
        if owner.kind is not Kind.DATASEC:
            raise _MalformedError
        out: list[RecordField] = []
        for var in owner.variables:
            declared = self.btf.type(var.type_id)
            value = self.btf.type(declared.type_id)
            out += self.find_one(declared, value, -1, var.offset, var.size, BTF_FIELDS_MAX - len(out), 0)
        return out

    def find_members(self, owner: Type, level: int) -> list[RecordField]:
        out: list[RecordField] = []
        for i, member in enumerate(owner.members):
            if member.bit_off % 8:
                raise _MalformedError
            value = self.btf.type(member.type_id)
            out += self.find_one(owner, value, i, member.bit_off // 8, 0, BTF_FIELDS_MAX - len(out), level)
        return out

    def find_one(
        self, owner: Type, value: Type, idx: int, off: int, expected_size: int, room: int, level: int
    ) -> list[RecordField]:
        """btf_find_field_one(): the fields in one member or variable (component `idx` of `owner`)."""
        nelems = 1
        for _ in range(MAX_DEPTH):
            if value.kind is not Kind.ARRAY:
                break
            nelems *= value.nelems
            value = self.btf.type(value.type_id)
        else:
            raise _MalformedError
        if not nelems:
            return []
        known = _STRUCTS.get(value.name)
        if known is not None and self.mask & known[0]:
            kind, size, align, unique = known
            if unique:
                if self.seen & kind:
                    raise _MalformedError
                self.seen |= kind
        elif value.kind is Kind.STRUCT:
            return self.find_nested(value, off, nelems, expected_size, room, level)
        elif self.mask & BPF_KPTR:
            kind, size, align = BPF_KPTR_REF, 8, 8
        else:
            return []
        if (expected_size and expected_size != size * nelems) or off % align:
            return []
        field = self.kptr(value, off) if kind == BPF_KPTR_REF else self.special(owner, value, idx, off, kind, size)
        if field is None:
            return []
        if not room:
            raise _MalformedError
        return _repeated([field], nelems, size, room)

    def find_nested(
        self, value: Type, off: int, nelems: int, expected_size: int, room: int, level: int
    ) -> list[RecordField]:
        if expected_size and expected_size != value.size * nelems:
            return []
        if level + 1 >= MAX_DEPTH:
            raise _MalformedError
        inner = [f._replace(offset=f.offset + off) for f in self.find_members(value, level + 1)]
        if len(inner) > room:
            raise _MalformedError
        return _repeated(inner, nelems, value.size, room) if inner else []

    def special(self, owner: Type, value: Type, idx: int, off: int, kind: int, size: int) -> RecordField | None:
        if value.kind is not Kind.STRUCT or value.size != size:
            return None
        if not kind & BPF_GRAPH_ROOT:
            return RecordField(kind, off, size)
        element, _, node = self.contains(owner, idx).partition(":")
        struct = self.btf.find(element, Kind.STRUCT)
        if not node or struct is None:
            raise _MalformedError
        node_type = "bpf_list_node" if kind == BPF_LIST_HEAD else "bpf_rb_node"
        nodes = [m for m in struct.members if m.name == node]
        if len(nodes) != 1 or self.btf.type(nodes[0].type_id).name != node_type or nodes[0].bit_off % 64:
            raise _MalformedError
        return RecordField(kind, off, size, struct.id, nodes[0].bit_off // 8)

    def contains(self, owner: Type, idx: int) -> str:
        """Value of the one "contains:" declaration tag on a list head or tree root."""
        tag = "contains:"
        values = [
            t.name[len(tag) :]
            for t in self.btf
            if t.kind is Kind.DECL_TAG and t.type_id == owner.id and t.component == idx and t.name.startswith(tag)
        ]
        if len(values) != 1:
            raise _MalformedError
        return values[0]

    def kptr(self, value: Type, off: int) -> RecordField | None:
        found = self.target(value)
        if found is None:
            return None
        kind, target = found
        if kind == BPF_KPTR_REF and target.name not in _DESTRUCTIBLE and _is_kernel_type(target):
            raise _MalformedError
        return RecordField(kind, off, 8, target.id)

    def target(self, value: Type) -> tuple[int, Type] | None:
        """Kind of a pointer to a kernel object, and to what (btf_find_kptr)."""
        btf = self.btf
        if value.kind is Kind.VOLATILE:
            value = btf.type(value.type_id)
        if value.kind is not Kind.PTR:
            return None
        tag = btf.type(value.type_id)
        if tag.kind is not Kind.TYPE_TAG:
            return None
        kind = _KPTR_TAGS.get(tag.name)
        target = btf.skip_modifiers(tag.type_id)
        if kind is None or btf.type(tag.type_id).kind is Kind.TYPE_TAG or target.kind is not Kind.STRUCT:
            raise _MalformedError
        return kind, target


def _is_kernel_type(found: Type) -> bool:
    from vm.kernel.btf import kernel_btf

    return kernel_btf().find(found.name, found.kind) is not None


def _repeated(fields: list[RecordField], nelems: int, elem_size: int, room: int) -> list[RecordField]:
    """btf_repeat_fields(): the fields of every element of an array."""
    if nelems == 1:
        return fields
    if any(not f.kind & _REPEATABLE for f in fields) or len(fields) * nelems > room:
        raise _MalformedError
    return [f._replace(offset=f.offset + i * elem_size) for i in range(nelems) for f in fields]
