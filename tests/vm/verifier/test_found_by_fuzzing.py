"""What `python -m fuzz` found, each as the smallest program, with what Linux 6.12 said of it."""

from __future__ import annotations

import pytest

from fuzz.elf import write
from fuzz.generate import Made, add, mov, movr
from fuzz.insns import kfunc
from fuzz.world import WIDE_MAPS
from vm import pipeline
from vm.elf import load_object
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.text import insn_text
from vm.kernel import types as k
from vm.program import Program
from vm.rewritten import AddressRef, Rewritten
from vm.verifier.fixups.dump import xlated

EXIT = Insn(o.JMP | o.EXIT)


def loaded(section: str, prog_type: int, *insns: Insn) -> Program:
    """The program out of an object, so that kernel functions have their numbers."""
    return load_object(write([("p", Made(section, prog_type, insns, len(insns)))], WIDE_MAPS), "p.o").programs[0]


EXCHANGE = (
    Insn(o.ST | o.MEM | o.DW, 10, 0, -8, 1),
    mov(0, 1),
    mov(1, 2),
    Insn(o.STX | o.ATOMIC | o.W, 10, 1, -8, o.CMPXCHG),
)


@pytest.mark.parametrize(
    ("then", "extended"),
    [
        ((Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 1),), True),
        ((movr(2, 0), mov(0, 0)), True),
        ((Insn(o.ALU | o.ADD | o.K, 0, 0, 0, 1),), False),
        ((mov(0, 0),), False),
    ],
    ids=["64 bits are masked", "64 bits are copied", "32 bits are added to", "nobody looks"],
)
def test_what_a_32_bit_exchange_returns_is_extended_where_all_of_it_is_read(
    then: tuple[Insn, ...], extended: bool
) -> None:
    program = Program("p", "xdp", k.BPF_PROG_TYPE_XDP, (*EXCHANGE, *then, EXIT))
    verification, env = pipeline.verify(program)
    assert verification.verdict == "accept"
    insns = xlated(pipeline.rewrite(env))
    texts = [insn_text(insns, at) for at in range(len(insns))]
    assert (texts[4] == "(bc) w0 = w0") is extended


def test_the_extension_crosses_a_return() -> None:
    call = Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 2)
    program = Program(
        "p", "xdp", k.BPF_PROG_TYPE_XDP, (call, Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 1), EXIT, *EXCHANGE, EXIT)
    )
    verification, env = pipeline.verify(program)
    assert verification.verdict == "accept"
    insns = xlated(pipeline.rewrite(env))
    assert "(bc) w0 = w0" in [insn_text(insns, at) for at in range(len(insns))]


def test_an_iterator_at_the_frame_pointer_itself_is_only_none() -> None:
    program = loaded(
        "tc", k.BPF_PROG_TYPE_SCHED_CLS,
        movr(1, 10), add(1, -16), mov(2, 0), mov(3, 10), kfunc("bpf_iter_num_new"),
        movr(1, 10), kfunc("bpf_iter_num_destroy"), mov(0, 0), EXIT,
    )  # fmt: skip
    verification, _ = pipeline.verify(program)
    lines = verification.log.split("\n")
    at = lines.index("expected an initialized iter_num as arg #0")
    assert lines[at - 1].startswith("6: (85) call bpf_iter_num_destroy#")


def test_the_address_of_a_per_cpu_variable_is_a_small_number() -> None:
    program = Program("p", "raw_tp", k.BPF_PROG_TYPE_RAW_TRACEPOINT, (Insn(o.LD_IMM64, 1), Insn(0), mov(0, 0), EXIT))

    def code(name: str) -> bytes:
        rewritten = Rewritten(
            program, program.insns, tuple(range(4)), (0,), (0,), {0: AddressRef("ksym", name)}, (frozenset(),)
        )
        return pipeline.translate(rewritten).code

    assert b"\xbf\0\0\0\0" in code("bpf_prog_active")
    assert b"\x48\xc7\xc7\0\0\0\0" in code("jiffies")


def test_a_kernel_function_that_returns_something_ends_the_exchange() -> None:
    program = loaded(
        "tc", k.BPF_PROG_TYPE_SCHED_CLS, *EXCHANGE,
        movr(1, 10), add(1, -16), mov(2, 0), mov(3, 10), kfunc("bpf_iter_num_new"), movr(7, 0),
        movr(1, 10), add(1, -16), kfunc("bpf_iter_num_destroy"), mov(0, 0), EXIT,
    )  # fmt: skip
    verification, env = pipeline.verify(program)
    assert verification.verdict == "accept"
    insns = xlated(pipeline.rewrite(env))
    assert "(bc) w0 = w0" not in [insn_text(insns, at) for at in range(len(insns))]
