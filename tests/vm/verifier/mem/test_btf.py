"""Pointers to kernel types: found by offset, followed, and handed to tracing programs."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.kernel.btf import kernel_btf
from vm.kernel.types import WALK_PTR, WALK_SCALAR, WALK_STRUCT
from vm.pipeline.bpf_check import verify
from vm.program import Program
from vm.verifier.env import Reject, VerifierEnv, VerifyOptions
from vm.verifier.mem.btf_walk import struct_access, struct_ids_match, struct_walk

BTF = kernel_btf()


def env() -> VerifierEnv:
    return VerifierEnv(Program("p", "xdp", 6, ()), VerifyOptions())


def struct_id(name: str) -> int:
    return BTF.struct(name).id


def at(struct: str, field: str) -> int:
    return BTF.offset_of(struct, field)


def test_numbers_pointers_and_nested_structs() -> None:
    task = struct_id("task_struct")
    pid = struct_access(env(), BTF, task, at("task_struct", "pid"), 4, False)
    assert pid.what == WALK_SCALAR
    parent = struct_access(env(), BTF, task, at("task_struct", "real_parent"), 8, False)
    assert (parent.what, parent.type_id, parent.field_name) == (WALK_PTR, task, "real_parent")
    se = struct_walk(env(), BTF, task, at("task_struct", "se"), 1, True)
    assert (se.what, se.type_id) == (WALK_STRUCT, struct_id("sched_entity"))


def test_arrays_of_numbers_are_read_as_a_whole() -> None:
    comm = at("task_struct", "comm")
    assert struct_access(env(), BTF, struct_id("task_struct"), comm + 4, 8, False).what == WALK_SCALAR


@pytest.mark.parametrize(
    ("off", "size", "words"),
    [
        (1 << 20, 4, "access beyond struct task_struct at off 1048576 size 4\n"),
        (at("task_struct", "mm"), 4, "cannot access ptr member mm with moff"),
        (at("task_struct", "comm") + 12, 8, "access beyond the end of member comm"),
    ],
)
def test_refusals(off: int, size: int, words: str) -> None:
    walker = env()
    with pytest.raises(Reject):
        struct_access(walker, BTF, struct_id("task_struct"), off, size, False)
    assert words in "".join(entry.text for entry in walker.log.entries)


def test_a_struct_is_what_it_starts_with() -> None:
    tcp, sock, common = struct_id("tcp_sock"), struct_id("sock"), struct_id("sock_common")
    assert struct_ids_match(env(), BTF, tcp, 0, BTF, common, False, True)
    assert not struct_ids_match(env(), BTF, tcp, 0, BTF, common, True, True)
    assert not struct_ids_match(env(), BTF, sock, 0, BTF, tcp, False, True)


def said(section: str, text: str) -> tuple[str, str, str]:
    (program,) = assemble(f".type {section}\n.license GPL\n{text}", name="t").programs
    result = verify(program)
    return result.verdict, result.message.rstrip("\n"), result.log


def test_arguments_of_a_traced_function() -> None:
    text = "r1 = *(u64 *)(r1 + 0)\nr2 = *(u16 *)(r1 + 16)\nr0 = 0\nexit"
    verdict, _, log = said("fentry/tcp_v4_connect", text)
    assert verdict == "accept"
    assert f"func 'tcp_v4_connect' arg0 has btf_id {struct_id('sock')} type STRUCT 'sock'\n" in log
    assert "R1_w=ptr_sock()" in log
    beyond = said("fentry/tcp_v4_connect", "r0 = *(u64 *)(r1 + 40)\nr0 = 0\nexit")
    assert beyond[0] == "reject"
    assert "invalid bpf_context access off=40 size=8" in beyond[1]
    write = said("fentry/tcp_v4_connect", "r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + 16) = 0\nr0 = 0\nexit")
    assert write[:2] == ("reject", "only read is supported")


def test_hooks() -> None:
    assert said("lsm/getprocattr", "r0 = 0\nexit")[0] == "reject"
    assert said("lsm/file_open", "r0 = 0\nexit")[0] == "accept"
    assert "should have been in [-4095, 0]" in said("lsm/file_open", "r0 = 1\nexit")[1]
    assert said("fmod_ret/do_exit", "r0 = 0\nexit")[:2] == ("reject", "do_exit() is not modifiable")
