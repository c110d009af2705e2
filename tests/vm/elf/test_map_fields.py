"""Which maps have locks, timers and kernel pointers: as a real Linux 6.12 said of such objects."""

from __future__ import annotations

import pytest

from tests.vm.elf.objects import build
from vm import pipeline
from vm.elf import load_object
from vm.kernel.types import BPF_F_RDONLY_PROG

_TYPES = """
struct bpf_spin_lock { __u32 val; };
struct bpf_timer { __u64 opaque[2]; };
struct bpf_list_head { __u64 opaque[2]; };
struct bpf_list_node { __u64 opaque[3]; };
struct bpf_rb_node { __u64 opaque[4]; };
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct file { int f_mode; } __attribute__((preserve_access_index));
#define __kptr __attribute__((btf_type_tag("kptr")))
struct __sk_buff { __u32 len; };
static long (*bpf_spin_lock)(void *) = (void *)93;
static long (*bpf_spin_unlock)(void *) = (void *)94;
static long (*bpf_timer_init)(void *, void *, __u64) = (void *)169;
static void *(*bpf_kptr_xchg)(void *, void *) = (void *)194;
"""
_LOCK = "struct val { __u64 a; struct bpf_spin_lock l; };"
_USES = {
    "lock": "bpf_spin_lock(&v->l); v->a = 1; bpf_spin_unlock(&v->l);",
    "timer": "bpf_timer_init(&v->t, &MAP, 1);",
    "kptr": "if (bpf_kptr_xchg(&v->p, 0)) return 1;",
    "write": "v->a = 1;",
    "over": "((__u64 *)v)[1] = 1;",
}


def _uses(name: str, kind: str, use: str, value: str = "val", key: str = "__type(key, __u32);", flags: int = 0) -> str:
    """A map and a program that does something with its values."""
    types = {"HASH": 1, "ARRAY": 2, "PERCPU_HASH": 5, "PERCPU_ARRAY": 6, "LRU_HASH": 9, "LRU_PERCPU_HASH": 10}
    return f"""
    struct {{
        __uint(type, {types[kind]}); __uint(max_entries, 4); {key} __type(value, struct {value});
        __uint(map_flags, {flags});
    }} {name}_m SEC(".maps");
    SEC("tc") int {name}(struct __sk_buff *ctx) {{
        __u32 k = 0;
        struct {value} *v = bpf_map_lookup_elem(&{name}_m, &k);
        if (!v) return 0;
        {_USES[use].replace("MAP", f"{name}_m")}
        return 0;
    }}"""


def _said(source: str) -> dict[str, str]:
    """By program, "accept" or why not."""
    said = {}
    for program in load_object(build(_TYPES + source), "x").programs:
        verification, _ = pipeline.verify(program, log_level=1, record=False)
        said[program.name] = verification.message if verification.verdict == "reject" else "accept"
    return said


def _one(types: str, use: str) -> str:
    return _said(types + _uses("prog", "ARRAY", use))["prog"]


def _no_types(name: str, what: str) -> str:
    return f"map '{(name + '_m')[:15]}' has to have BTF in order to use bpf_{what}"


def test_which_maps_have_locks() -> None:
    without = ("LRU_HASH", "PERCPU_HASH", "PERCPU_ARRAY")
    # The key: of arrays an integer of 32 bits, of hashes of any type, but of one.
    keys = {
        "arr_struct": ("ARRAY", "__type(key, struct { __u32 x; });", False),
        "arr_chars": ("ARRAY", "__type(key, char[4]);", False),
        "arr_int": ("ARRAY", "__type(key, int);", True),
        "hash_chars": ("HASH", "__type(key, char[4]);", True),
        "hash_none": ("HASH", "__uint(key_size, 4);", False),
    }
    said = _said(
        _LOCK
        + _uses("hash", "HASH", "lock")
        + _uses("array", "ARRAY", "lock")
        + _uses("direct", "ARRAY", "over")
        + _uses("read_only", "ARRAY", "lock", flags=BPF_F_RDONLY_PROG)
        + "".join(_uses(f"l_{kind}", kind, "lock") + _uses(f"o_{kind}", kind, "over") for kind in without)
        + "".join(_uses(name, kind, "lock", key=key) for name, (kind, key, _) in keys.items())
    )
    assert said["hash"] == said["array"] == "accept"
    assert said["direct"] == "bpf_spin_lock cannot be accessed directly by load/store"
    assert said["read_only"] == _no_types("read_only", "spin_lock")
    for kind in without:
        assert said[f"l_{kind}"] == _no_types(f"l_{kind}", "spin_lock")
        assert said[f"o_{kind}"] == "accept"
    for name, (_, _, taken) in keys.items():
        assert said[name] == ("accept" if taken else _no_types(name, "spin_lock"))


def test_which_maps_have_timers_and_kernel_pointers() -> None:
    kinds = ("HASH", "ARRAY", "LRU_HASH", "PERCPU_HASH", "LRU_PERCPU_HASH", "PERCPU_ARRAY")
    said = _said(
        "struct timed { __u64 a; struct bpf_timer t; }; struct held { __u64 a; struct task_struct __kptr *p; };"
        + "".join(_uses(f"t_{kind}", kind, "timer", "timed") for kind in kinds)
        + "".join(_uses(f"p_{kind}", kind, "kptr", "held") for kind in kinds)
    )
    for kind in kinds:
        timers = kind in ("HASH", "ARRAY", "LRU_HASH")
        assert said[f"t_{kind}"] == ("accept" if timers else _no_types(f"t_{kind}", "timer"))
        # What comes out of the field is not released.
        assert said[f"p_{kind}"].startswith("Unreleased reference")


@pytest.mark.parametrize(
    "types",
    [
        # Two locks, also in a struct that no map has.
        "struct val { __u64 a; struct bpf_spin_lock l, second; };",
        f"struct other {{ struct bpf_spin_lock l, second; }} *unused; {_LOCK}",
        # A list that does not say of what.
        "struct val { __u64 a; struct bpf_spin_lock l; struct bpf_list_head h; };",
        # In a list and a tree, without a reference count.
        f"struct both {{ struct bpf_list_node n; struct bpf_rb_node r; }} *unused; {_LOCK}",
        # Not at a multiple of four.
        "struct val { __u64 a; char c; struct bpf_spin_lock l; } __attribute__((packed));",
    ],
)
def test_the_kernel_refuses_the_types_of_the_whole_object(types: str) -> None:
    assert _one(types, "lock") == _no_types("prog", "spin_lock")


def _chain(length: int) -> str:
    links = "".join(f"struct n{i} {{ struct n{i + 1} __kptr *p; }};" for i in reversed(range(length)))
    return f"{links} struct n{length} {{ int e; }}; struct val {{ __u64 a; struct n0 __kptr *p; }};"


def test_kernel_pointers_that_no_map_can_free() -> None:
    refused = _no_types("prog", "kptr_xchg")
    assert _one("struct val { __u64 a; struct file __kptr *p; };", "kptr") == refused
    ring = "struct b; struct a { struct b __kptr *p; }; struct b { struct a __kptr *p; };"
    assert _one(ring + "struct val { __u64 a; struct a __kptr *p; };", "kptr") == refused
    # The value itself is the first level of eight.
    assert _one(_chain(8), "kptr") == refused
    assert _one(_chain(7), "kptr").startswith("Unreleased reference")


def test_a_union_hides_its_fields() -> None:
    types = "struct val { __u64 a; union { struct bpf_spin_lock l; __u32 x; }; };"
    assert _one(types, "lock") == "map 'prog_m' has no valid bpf_spin_lock"


def test_global_data_that_user_space_maps_holds_no_lock() -> None:
    source = f"""{_TYPES}
    struct bpf_spin_lock shared; static struct bpf_spin_lock own SEC(".data.own"); static __u64 value SEC(".data.own");
    SEC("tc") int one(struct __sk_buff *ctx) {{ bpf_spin_lock(&shared); bpf_spin_unlock(&shared); return 0; }}
    SEC("tc") int two(struct __sk_buff *ctx) {{ bpf_spin_lock(&own); value++; bpf_spin_unlock(&own); return 0; }}
    """
    obj = load_object(build(source), "x")
    assert [p.name for p in obj.programs] == ["two"]
    ((name, why),) = obj.errors
    assert name == "one" and "make them static" in why
