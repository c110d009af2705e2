"""Programs that implement operations of kernel structs: what they may stand for, read, write and return."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.kernel.errno import EACCES, EINVAL, ENOTSUPP
from vm.pipeline.bpf_check import verify
from vm.program import Program
from vm.trace.records import Verification
from vm.verifier.env import BPF_F_SLEEPABLE

TCP = kernel_btf().struct("tcp_congestion_ops")
PLACES = {m.name: i for i, m in enumerate(TCP.members)}
CWND = kernel_btf().offset_of("tcp_sock", "snd_cwnd")
RETURN = "r0 = 0\nexit"


def said(
    text: str, member: int, struct: str = "tcp_congestion_ops", *, flags: int = 0, license: str = "GPL"
) -> Verification:
    program = Program(
        "p",
        "struct_ops",
        k.BPF_PROG_TYPE_STRUCT_OPS,
        instructions(text),
        expected_attach_type=member,
        prog_flags=flags,
        license=license,
        attach_btf_name=struct,
    )
    return verify(program)


def instructions(text: str) -> tuple[Insn, ...]:
    return assemble(text).programs[0].insns


@pytest.mark.parametrize(
    ("member", "struct", "errno", "words"),
    [
        (PLACES["get_info"], "tcp_congestion_ops", -ENOTSUPP, "unsupported member get_info of struct tcp_"),
        (PLACES["flags"], "tcp_congestion_ops", -EINVAL, f"invalid member flags(@idx {PLACES['flags']}) of"),
        (99, "tcp_congestion_ops", -EINVAL, "attach to invalid member idx 99 of struct tcp_congestion_ops\n"),
        (0, "task_struct", -ENOTSUPP, "is not a supported struct\n"),
    ],
)
def test_what_is_no_operation(member: int, struct: str, errno: int, words: str) -> None:
    found = said(RETURN, member, struct)
    assert (found.verdict, found.errno) == ("reject", errno)
    assert words in found.log


def test_the_license_and_sleep() -> None:
    assert "must have a GPL compatible license" in said(RETURN, PLACES["ssthresh"], license="MIT").log
    asleep = said(RETURN, 1, "bpf_dummy_ops", flags=BPF_F_SLEEPABLE)
    assert (asleep.errno, "unsupported member test_2 of struct bpf_dummy_ops\n" in asleep.log) == (-EINVAL, True)
    assert said(RETURN, 2, "bpf_dummy_ops", flags=BPF_F_SLEEPABLE).verdict == "accept"


def test_a_socket_is_a_tcp_socket() -> None:
    found = said("r1 = *(u64 *)(r1 + 0)\n" + RETURN, PLACES["ssthresh"])
    assert "func 'ssthresh' arg0 has btf_id" in found.log
    assert "R1_w=trusted_ptr_tcp_sock()" in found.log


def test_an_argument_that_may_be_null() -> None:
    found = said("r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 0)\nexit", 0, "bpf_dummy_ops")
    assert found.verdict == "reject"
    assert "R1 invalid mem access 'trusted_ptr_or_null_'" in found.log


@pytest.mark.parametrize(
    ("off", "size", "words"),
    [
        (CWND, "u32", ""),
        (CWND, "u64", f"write access at off {CWND} with size 8 beyond the member of tcp_sock ended at {CWND + 4}\n"),
        (CWND + 1, "u8", f"no write support to tcp_sock at off {CWND + 1}\n"),
    ],
)
def test_writes_to_sockets(off: int, size: str, words: str) -> None:
    found = said(f"r1 = *(u64 *)(r1 + 0)\nr0 = 0\n*({size} *)(r1 + {off}) = r0\nexit", PLACES["ssthresh"])
    assert found.errno == (-EACCES if words else 0)
    assert words in found.log


def test_writes_to_other_structs() -> None:
    args = "r1 = *(u64 *)(r1 + {})\nr0 = 0\n*({} *)(r1 + {}) = r0\nexit"
    rates = said(args.format(24, "u64", 0), PLACES["cong_control"])
    assert (rates.errno, "only read is supported\n" in rates.log) == (-EACCES, True)
    past = said(args.format(0, "u64", 0), 2, "bpf_dummy_ops")
    assert (past.errno, "write access at off 0 with size 8\n" in past.log) == (-EACCES, True)
    assert said(args.format(0, "u32", 0), 2, "bpf_dummy_ops").verdict == "accept"


def test_operations_that_return_nothing() -> None:
    assert said("exit", PLACES["init"]).verdict == "accept"
    assert "R0 !read_ok" in said("exit", PLACES["ssthresh"]).log
