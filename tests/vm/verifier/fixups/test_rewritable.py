"""What the kernel refuses after the walk, when it rewrites the program."""

from __future__ import annotations

from vm.asm import assemble
from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.errno import EINVAL
from vm.pipeline.bpf_check import verify
from vm.program import Program
from vm.trace.records import Verification

EXIT = Insn(op.JMP | op.EXIT)
ZERO = Insn(op.ALU64 | op.MOV | op.K)
NO_KFUNC = Insn(op.JMP | op.CALL, 0, op.PSEUDO_KFUNC_CALL)


def said(*insns: Insn) -> Verification:
    return verify(Program("p", "tc", k.BPF_PROG_TYPE_SCHED_CLS, insns))


def test_a_call_of_no_kernel_function() -> None:
    found = said(NO_KFUNC, ZERO, EXIT)
    assert (found.verdict, found.errno) == ("reject", -EINVAL)
    assert "0: (85) call #0 " in found.log
    assert "invalid kernel function call not eliminated in verifier pass\nprocessed 3 insns" in found.log
    never = Insn(op.JMP | op.JEQ | op.K, 0, 0, 1, 0)
    assert said(ZERO, never, NO_KFUNC, EXIT).verdict == "accept"


def test_half_a_field_of_a_tcp_socket() -> None:
    text = """
        r6 = *(u64 *)(r1 + 168)
        if r6 == 0 goto out
        r1 = r6
        call bpf_tcp_sock
        if r0 == 0 goto out
        r0 = *({} *)(r0 + {})
    out:
        r0 = 0
        exit
    """
    found = verify(assemble(text.format("u32", 84), prog_type="tc").programs[0])
    assert (found.verdict, found.errno) == ("reject", -EINVAL)
    assert "bpf verifier is misconfigured\nprocessed" in found.log
    assert verify(assemble(text.format("u64", 80), prog_type="tc").programs[0]).verdict == "accept"
