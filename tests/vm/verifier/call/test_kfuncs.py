"""Calls of kernel functions: who may call, arguments, iterators, regions."""

from __future__ import annotations

import pytest

from vm import caps
from vm.isa.insn import Insn
from vm.isa.opcodes import CALL, JMP, PSEUDO_KFUNC_CALL
from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.pipeline.bpf_check import verify
from vm.program import Program
from vm.trace.records import Verification
from vm.verifier.env import VerifyOptions

R0_0 = Insn(0xB7, 0, 0, 0, 0)
EXIT = Insn(0x95, 0, 0, 0, 0)
NUM = [Insn(0xBF, 1, 10, 0, 0), Insn(0x07, 1, 0, 0, -8)]  # r1 = r10 - 8


def mov(reg: int, imm: int) -> Insn:
    return Insn(0xB7, reg, 0, 0, imm)


def kfunc(name: str) -> Insn:
    found = kernel_btf().find(name)
    assert found is not None
    return Insn(JMP | CALL, 0, PSEUDO_KFUNC_CALL, 0, found.id)


def check(
    *insns: Insn, prog_type: int = k.BPF_PROG_TYPE_SCHED_CLS, licence: str = "GPL", level: int = 2
) -> Verification:
    program = Program("t", "t", prog_type, (*insns, R0_0, EXIT), license=licence)
    return verify(program, VerifyOptions(log_level=level))


@pytest.mark.parametrize(
    ("insns", "message"),
    [
        ((kfunc("bpf_rcu_read_lock"),), "bpf_rcu_read_unlock is missing"),
        ((kfunc("bpf_rcu_read_unlock"),), "unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)"),
        ((kfunc("bpf_preempt_disable"), kfunc("bpf_preempt_disable")), "2 bpf_preempt_enable(s) are missing"),
        ((kfunc("bpf_preempt_disable"), kfunc("bpf_preempt_enable")), ""),
        ((mov(1, 0), kfunc("bpf_cpumask_release")), "calling kernel function bpf_cpumask_release is not allowed"),
        ((mov(1, 0), kfunc("bpf_task_release")), "Possibly NULL pointer passed to trusted arg0"),
        (
            (*NUM, mov(2, 0), mov(3, 9), kfunc("bpf_iter_num_new")),
            "Unreleased reference id=1 alloc_insn=4",
        ),
        ((*NUM, kfunc("bpf_iter_num_next")), "expected an initialized iter_num as arg #0"),
        ((*NUM, mov(2, 0), mov(3, 9), kfunc("bpf_iter_num_new"), *NUM, kfunc("bpf_iter_num_destroy")), ""),
        (
            (*NUM, mov(2, 0), mov(3, 9), kfunc("bpf_iter_num_new"), *NUM, mov(2, 0), mov(3, 9),
             kfunc("bpf_iter_num_new")),
            "expected uninitialized iter_num as arg #0",
        ),
    ],
)  # fmt: skip
def test_what_is_said(insns: tuple[Insn, ...], message: str) -> None:
    result = check(*insns)
    assert result.message.rstrip("\n") == message
    assert (result.verdict == "accept") == (message == "")


def test_only_gpl_programs_call_kernel_functions() -> None:
    result = check(kfunc("bpf_rcu_read_lock"), licence="Proprietary")
    assert result.message.startswith("cannot call kernel function from non-GPL")


def test_a_loop_over_an_iterator_ends_although_its_counter_does_not() -> None:
    head = (*NUM, mov(2, 0), mov(3, 1 << 20), mov(6, 0), kfunc("bpf_iter_num_new"))
    body = (*NUM, kfunc("bpf_iter_num_next"), Insn(0x15, 0, 0, 2, 0), Insn(0x07, 6, 0, 0, 1), Insn(0x05, 0, 0, -6, 0))
    result = check(*head, *body, *NUM, kfunc("bpf_iter_num_destroy"))
    assert result.verdict == "accept", result.message


def test_a_released_packet_slice_needs_its_null_check() -> None:
    skb = (
        Insn(0xBF, 3, 10, 0, 0), Insn(0x07, 3, 0, 0, -16), mov(2, 0), kfunc("bpf_dynptr_from_skb"),
        Insn(0xBF, 1, 10, 0, 0), Insn(0x07, 1, 0, 0, -16), mov(2, 0), mov(3, 0), mov(4, 14), kfunc("bpf_dynptr_slice"),
    )  # fmt: skip
    load = Insn(0x71, 1, 0, 13, 0)
    assert check(*skb, load).message.startswith("R0 invalid mem access 'rdonly_mem_or_null'")
    assert check(*skb, Insn(0x15, 0, 0, 1, 0), load).verdict == "accept"
    beyond = check(*skb, Insn(0x15, 0, 0, 1, 0), Insn(0x71, 1, 0, 14, 0))
    assert beyond.verdict == "reject"
    assert "outside of the allowed memory range" in beyond.message


def test_only_root_may_crash_the_machine() -> None:
    program = Program("t", "t", k.BPF_PROG_TYPE_SCHED_CLS, (mov(1, 0), kfunc("crash_kexec"), R0_0, EXIT))
    words = "destructive kfunc calls require CAP_SYS_BOOT capability\n"
    refused = verify(program, VerifyOptions(caps=caps.ROOT - {caps.NET_ADMIN}))
    assert (refused.errno, words in refused.log) == (-13, True)
    assert words not in verify(program).log
