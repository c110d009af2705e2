"""Which types of maps the kernel takes, and which objects programs may allocate."""

from __future__ import annotations

import pytest

from tests.vm.elf.objects import build
from vm.elf import load_object
from vm.kernel.record import struct_metas
from vm.kernel.types import BPF_LIST_NODE, BPF_SPIN_LOCK
from vm.program import Object

HEAD = """
struct bpf_spin_lock { unsigned val; };
struct bpf_timer { long a[2]; };
struct bpf_list_head { long a[2]; };
struct bpf_list_node { long a[3]; };
struct bpf_rb_node { long a[4]; };
struct bpf_refcount { unsigned a; };
struct task_struct { int pid; };
#define KPTR __attribute__((btf_type_tag("kptr")))
#define CONTAINS(what) __attribute__((btf_decl_tag("contains:" what)))
#define NUMBER(name, value) int (*name)[value]
struct lock { long a; struct bpf_spin_lock l; };
struct timer { struct bpf_timer t; };
struct kptr { struct task_struct KPTR *t; };
union hidden { struct bpf_spin_lock a, b; };
enum zero { ZERO };
"""
PROGRAM = 'SEC("xdp") int p(void *ctx) { return 2; }'


def loaded(text: str) -> Object:
    return load_object(build(f"{HEAD}{text}{PROGRAM}"), "maps")


@pytest.mark.parametrize(
    ("kind", "key", "value", "flags", "taken"),
    [
        (2, "int", "struct lock", 0, True),
        (2, "enum zero", "struct lock", 0, False),
        (2, "int", "struct lock", 128, False),
        (1, "long", "struct lock", 0, True),
        (6, "int", "struct lock", 0, False),
        (9, "int", "struct lock", 0, False),
        (9, "int", "struct timer", 0, True),
        (6, "int", "struct timer", 0, False),
        (6, "int", "struct kptr", 0, True),
        (11, "struct timer", "struct kptr", 1, False),
        (11, "struct timer", "long", 1, True),
        (11, "long", "long", 1, False),
        (29, "int", "struct lock", 1, True),
        (19, "long", "struct lock", 0, True),
        (19, "struct timer", "struct lock", 0, False),
        (2, "int", "union hidden", 0, True),
    ],
)
def test_types_of_maps(kind: int, key: str, value: str, flags: int, taken: bool) -> None:
    text = f"struct {{ NUMBER(type, {kind}); NUMBER(map_flags, {flags}); NUMBER(max_entries, 1);"
    (spec,) = loaded(f'{text} {key} *key; {value} *value; }} m SEC(".maps");').maps
    assert (spec.btf_value_type_id != 0, spec.btf_key_type_id != 0) == (taken, taken)


@pytest.mark.parametrize(
    ("struct", "accepted"),
    [
        ("long x; struct bpf_list_node l;", True),
        ("struct bpf_list_node l; struct bpf_rb_node r;", False),
        ("struct bpf_list_node l; struct bpf_rb_node r; struct bpf_refcount c;", True),
        ("struct bpf_spin_lock a; struct bpf_spin_lock b;", False),
        ('struct bpf_list_head h CONTAINS("nothing:l");', False),
        ('struct bpf_spin_lock s; struct bpf_list_head h CONTAINS("own:l"); struct bpf_list_node l;', False),
        ("struct task_struct KPTR *t;", True),
    ],
)
def test_objects(struct: str, accepted: bool) -> None:
    obj = loaded(f"struct own {{ {struct} }}; struct own own;")
    assert obj.btf is not None
    assert (struct_metas(obj.btf) is not None) == accepted
    assert (obj.programs[0].btf is not None) == accepted


def test_only_own_members_make_an_object_special() -> None:
    obj = loaded("struct in { struct bpf_list_node l; }; struct out { struct in i; struct bpf_list_node l[2]; } out;")
    assert obj.btf is not None
    metas = struct_metas(obj.btf) or {}
    names = {obj.btf.type(i).name: record.mask for i, record in metas.items()}
    assert names == {"in": BPF_LIST_NODE}
    lock = loaded("struct lock l;")
    assert lock.btf is not None
    assert [record.mask for record in (struct_metas(lock.btf) or {}).values()] == [BPF_SPIN_LOCK]
