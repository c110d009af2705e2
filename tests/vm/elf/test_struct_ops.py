"""struct_ops variables against the kernel's structs, as libbpf compares them."""

from __future__ import annotations

import pytest

from tests.vm.elf.objects import build
from vm.elf import load_object
from vm.errors import InputError
from vm.kernel import types as t
from vm.kernel.btf import kernel_btf
from vm.program import Object

MEMBERS = [m.name for m in kernel_btf().struct("tcp_congestion_ops").members]


def loaded(declarations: str, variables: str) -> Object:
    programs = """
SEC("struct_ops") unsigned one(void *ctx) { return 2; }
SEC("struct_ops") unsigned two(void *ctx) { return 2; }
"""
    return load_object(build(f"{declarations}{programs}{variables}"), "ops")


def ops(fields: str, name: str = "tcp_congestion_ops") -> str:
    return f"struct {name} {{ {fields} }};"


def error(declarations: str, variables: str, program: str = "one") -> str:
    return dict(loaded(declarations, variables).errors)[program]


FIELDS = "unsigned (*ssthresh)(void *); unsigned (*undo_cwnd)(void *); char name[16]; unsigned flags;"
BOTH = 'tcp_congestion_ops a = { .ssthresh = (void *)one, .undo_cwnd = (void *)two, .name = "a" };'


def test_programs_maps_and_links() -> None:
    obj = loaded(ops(FIELDS), f'SEC(".struct_ops.link") struct {BOTH}')
    assert [MEMBERS[p.expected_attach_type] for p in obj.programs] == ["ssthresh", "undo_cwnd"]
    (spec,) = [m for m in obj.maps if m.map_type == t.BPF_MAP_TYPE_STRUCT_OPS]
    assert (spec.map_flags, spec.value_size) == (t.BPF_F_LINK, 256)
    assert spec.value_size == kernel_btf().struct("bpf_struct_ops_tcp_congestion_ops").size


@pytest.mark.parametrize(
    ("fields", "init", "words"),
    [
        ("unsigned (*ssthresh)(void *); int new;", ".ssthresh = (void *)one, .new = 1", "has no member 'new'"),
        ("unsigned (*fast)(void *);", ".fast = (void *)one", "has no member 'fast'"),
        ("unsigned (*ssthresh)(void *); char name[8];", ".ssthresh = (void *)one", "'a' has 8 bytes, and 16 in Linux"),
        (
            "unsigned (*ssthresh)(void *); char flags[4];",
            ".ssthresh = (void *)one",
            "of kind ARRAY, and of kind INT in",
        ),
        ("unsigned (*ssthresh)(void *); unsigned flags: 4;", ".ssthresh = (void *)one", "is a bit field"),
        ("unsigned (*owner)(void *);", ".owner = (void *)one", "is no function pointer in Linux 6.12"),
        ("unsigned (*ssthresh)(void *); void *owner;", ".ssthresh = (void *)one, .owner = (void *)1", "holds a number"),
    ],
)
def test_members_that_do_not_fit(fields: str, init: str, words: str) -> None:
    variables = f'SEC(".struct_ops") struct tcp_congestion_ops a = {{ {init} }};'
    found = loaded(ops(fields), variables)
    assert words in dict(found.errors)["one"]
    assert not found.maps


def test_members_the_kernel_lacks_may_be_zero() -> None:
    variables = 'SEC(".struct_ops") struct tcp_congestion_ops a = { .ssthresh = (void *)one };'
    found = loaded(ops("unsigned (*ssthresh)(void *); unsigned (*fast)(void *); long more[4];"), variables)
    assert [p.name for p in found.programs] == ["one"]


def test_structs_that_are_no_struct_ops() -> None:
    variables = 'SEC(".struct_ops") struct bpf_testmod_ops a = { .test_1 = (void *)one };'
    assert "Linux 6.12 has no struct_ops 'bpf_testmod_ops'" in error(
        ops("unsigned (*test_1)(void *);", "bpf_testmod_ops"), variables
    )


def test_a_program_is_one_operation() -> None:
    again = 'SEC(".struct_ops") struct tcp_congestion_ops b = { .undo_cwnd = (void *)one };'
    first = f'SEC(".struct_ops") struct {BOTH}'
    assert "stands for 'undo_cwnd' of 'b' and for another operation" in error(ops(FIELDS), first + again)
    twice = 'SEC(".struct_ops") struct tcp_congestion_ops b = { .ssthresh = (void *)one };'
    assert not loaded(ops(FIELDS), first + twice).errors


def test_optional_variables_yield() -> None:
    optional = 'SEC("?.struct_ops") struct tcp_congestion_ops b = { .undo_cwnd = (void *)one };'
    found = loaded(ops(FIELDS), f'{optional} SEC(".struct_ops") struct {BOTH}')
    assert [MEMBERS[p.expected_attach_type] for p in found.programs] == ["ssthresh", "undo_cwnd"]
    (alone,) = loaded(ops(FIELDS), optional).programs
    assert (alone.name, MEMBERS[alone.expected_attach_type]) == ("one", "undo_cwnd")


@pytest.mark.parametrize(
    ("fields", "variables", "words"),
    [
        ("void *ssthresh;", "struct tcp_congestion_ops a = { .ssthresh = (void *)one };", "is no function pointer"),
        (FIELDS, "struct tcp_congestion_ops a = { .ssthresh = (void *)other };", "is not a struct_ops program; put"),
        (FIELDS, "struct tcp_congestion_ops a = { .ssthresh = (void *)sub };", "'sub' for 'ssthresh' is not a program"),
        (FIELDS, "int a = 3;", "Variable 'a' in section '.struct_ops' is not of a struct with a name"),
    ],
)
def test_what_libbpf_does_not_open(fields: str, variables: str, words: str) -> None:
    others = 'SEC("xdp") int other(void *ctx) { return 2; } __attribute__((noinline)) int sub(void *ctx) { return 2; }'
    with pytest.raises(InputError, match=words):
        loaded(ops(fields) + others, f'SEC(".struct_ops") {variables}')
