"""Jumps over code that grows: the kernel gives up at the instruction at which one gets too far."""

from __future__ import annotations

import pytest

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel.errno import ENOMEM
from vm.kernel.types import BPF_PROG_TYPE_SCHED_CLS
from vm.program import Program
from vm.verifier.env import Reject, VerifierEnv, VerifyOptions
from vm.verifier.fixups import rewrite
from vm.verifier.fixups.build import ldx, mov64_imm
from vm.verifier.fixups.rewritable import check_rewritable
from vm.verifier.state import reg_types as types
from vm.verifier.state.aux import SubprogInfo

EXIT = Insn(bpf.JMP | bpf.EXIT)


def walked(insns: list[Insn], narrow: range) -> VerifierEnv:
    """As the walk leaves a program whose instructions in `narrow` read one byte of a field of four."""
    env = VerifierEnv(Program("p", "tc", BPF_PROG_TYPE_SCHED_CLS, tuple(insns)), VerifyOptions())
    for i, aux in enumerate(env.aux):
        aux.seen = 1
        if i in narrow:
            aux.ptr_type, aux.ctx_field_size = types.PTR_TO_CTX, 4
    env.subprogs = [SubprogInfo(0)]
    return env


def program(jump_first: bool, filler: int, reads: int) -> VerifierEnv:
    body = [mov64_imm(2, 1)] * filler + [ldx(bpf.B, 2, 1, 0)] * reads
    distance = len(body) if jump_first else -len(body) - 1
    jump = Insn(bpf.JMP | bpf.JEQ | bpf.K, 1, 0, distance, 0)
    insns = [jump, *body, EXIT] if jump_first else [mov64_imm(0, 0), *body, jump, EXIT]
    return walked(insns, range(filler + 1, filler + reads + 1))


@pytest.mark.parametrize("jump_first", [True, False])
def test_the_instruction_at_which_it_gets_too_far(jump_first: bool) -> None:
    # Each read becomes a load and a mask, and the jump has room for 17 more instructions.
    env = program(jump_first, 32600, 150)
    with pytest.raises(Reject) as refused:
        check_rewritable(env)
    assert refused.value.errno == ENOMEM
    said = "".join(entry.text for entry in env.log.entries)
    assert said == "insn 32618 cannot be patched due to 16-bit range\n"


def test_what_still_reaches() -> None:
    env = program(True, 32500, 20)
    check_rewritable(env)
    assert rewrite(env).insns[0].off > 32520
