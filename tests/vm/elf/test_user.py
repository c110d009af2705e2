"""What is loaded in the name of users who may not do everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vm import pipeline
from vm.caps import NOBODY, ROOT, parse
from vm.elf import load_object
from vm.elf.user import as_user
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.program import MapSpec, Program

OBJECT = Path(__file__).parents[2] / "golden" / "users" / "nobody.o"


def chosen(name: str) -> Program:
    return pipeline.choose(load_object(OBJECT.read_bytes(), "nobody.o"), name)


def test_root_gets_all() -> None:
    program = chosen("answers_two")
    assert as_user(program, ROOT) == program
    assert program.expected_attach_type == k.BPF_CGROUP_INET_EGRESS and program.btf is not None


def test_without_cap_bpf_there_are_no_types() -> None:
    program = as_user(chosen("answers_two"), NOBODY)
    assert (program.btf, program.func_infos, program.line_infos) == (None, (), ())
    assert program.expected_attach_type == k.BPF_CGROUP_INET_INGRESS
    spec = as_user(chosen("an_inner_map"), NOBODY).maps[0]
    assert spec.inner is not None and not spec.inner.btf_value_type_id and not spec.btf_value_type_id


@pytest.mark.parametrize(("caps", "helper"), [("bpf,net_admin", 4), ("bpf,perfmon", 113), ("sys_admin", 113)])
def test_old_helpers_where_new_ones_cannot_be_tried(caps: str, helper: int) -> None:
    called = [i.imm for i in as_user(chosen("reads_the_kernel"), parse(caps)).insns if i.code == o.JMP | o.CALL]
    assert called == [helper]


def maps(map_type: int) -> tuple[MapSpec]:
    return (MapSpec("m", map_type, 4, 4, 1),)


@pytest.mark.parametrize(
    ("change", "caps", "errno", "message"),
    [
        ({"prog_type": k.BPF_PROG_TYPE_XDP}, "bpf", -1, "Loading a program of type XDP takes CAP_NET_ADMIN."),
        ({"prog_type": k.BPF_PROG_TYPE_KPROBE}, "bpf", -1, "Loading a program of type KPROBE takes CAP_PERFMON."),
        ({"prog_type": k.BPF_PROG_TYPE_SK_LOOKUP}, "none", -1, "Loading a program of type SK_LOOKUP takes CAP_BPF."),
        ({"maps": maps(k.BPF_MAP_TYPE_XSKMAP)}, "bpf", -1, "Making the map 'm' (XSKMAP) takes CAP_NET_ADMIN."),
        ({"maps": maps(k.BPF_MAP_TYPE_LRU_HASH)}, "none", -1, "Making the map 'm' (LRU_HASH) takes CAP_BPF."),
        ({"maps": maps(k.BPF_MAP_TYPE_SK_STORAGE)}, "none", -22, "The map 'm' needs types, and loading BTF takes CAP_BPF."),  # noqa: E501
    ],
)  # fmt: skip
def test_refused_before_the_verifier(change: dict[str, object], caps: str, errno: int, message: str) -> None:
    program = replace(chosen("which_processor"), object_maps=(), **change)  # type: ignore[arg-type]
    verification, _ = pipeline.verify(program, caps=parse(caps))
    assert (verification.verdict, verification.errno, verification.message) == ("reject", errno, message)
    assert verification.log == "" and verification.failure is not None and verification.failure.step == -1
