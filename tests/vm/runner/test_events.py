"""Tracepoints, kprobes and raw tracepoints: values by the kernel's own names."""

from __future__ import annotations

import dataclasses

import pytest

from tests.vm.runner.programs import EXIT, alu, call, ldx, mov, movr, program
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import Program
from vm.runner.execution import Execution
from vm.runner.inputs import EventInput, NoInput, PacketInput, RunLimits
from vm.runner.interp import interpret

KPROBE, TRACEPOINT, RAW, TRACING = 2, 5, 17, 26


def run(prog_type: int, section: str, load: Insn, **values: int | str) -> Execution:
    p: Program = dataclasses.replace(program(load, EXIT, prog_type=prog_type), section=section)
    return interpret(p, EventInput("", values), RunLimits())


def test_tracepoint_fields() -> None:
    section = "tracepoint/sched/sched_switch"
    assert run(TRACEPOINT, section, ldx(o.W, 0, 1, 56), next_pid=77).r0 == 77
    assert run(TRACEPOINT, section, ldx(o.W, 0, 1, 40), next_comm="bash").r0 == int.from_bytes(b"bash", "little")
    assert run(TRACEPOINT, section, ldx(o.W, 0, 1, 4)).r0 == 4242


def test_strings_behind_the_record() -> None:
    x = run(TRACEPOINT, "tp/sched/sched_process_exec", ldx(o.W, 0, 1, 8), filename="/bin/sh", pid=5)
    assert x.r0 == 20 | 8 << 16


def test_syscall_arguments_are_user_strings() -> None:
    p = program(
        ldx(o.DW, 3, 1, 24), movr(1, 10), alu(o.ADD, 1, -8), mov(2, 8), call(114), ldx(o.W, 0, 10, -8), EXIT,
        prog_type=TRACEPOINT,
    )  # fmt: skip
    x = interpret(p, EventInput("syscalls/sys_enter_openat", {"filename": "/etc/passwd", "nr": 257}), RunLimits())
    assert x.fault is None
    assert x.r0 == int.from_bytes(b"/etc", "little")


def test_registers_and_parameters_of_a_probe() -> None:
    section = "kprobe/do_unlinkat"
    assert run(KPROBE, section, ldx(o.DW, 0, 1, 112), dfd=9).r0 == 9
    assert run(KPROBE, section, ldx(o.DW, 0, 1, 104), arg2=8).r0 == 8
    assert run(KPROBE, section, ldx(o.DW, 0, 1, 80), ret=-2).r0 == (1 << 64) - 2
    assert run(KPROBE, section, ldx(o.DW, 0, 1, 96), rdx=3).r0 == 3


def test_raw_tracepoint_and_function_arguments() -> None:
    assert run(RAW, "raw_tp/sched_switch", ldx(o.DW, 0, 1, 16), next=6).r0 == 6
    assert run(RAW, "raw_tp/anything", ldx(o.DW, 0, 1, 8), arg2=6).r0 == 6
    assert run(TRACING, "fentry/do_unlinkat", ldx(o.DW, 0, 1, 0), dfd=4).r0 == 4
    assert run(TRACING, "fexit/do_unlinkat", ldx(o.DW, 0, 1, 16), ret=7).r0 == 7


def test_pointers_nobody_gave_lead_somewhere() -> None:
    pid = 2432  # offsetof(struct task_struct, pid)
    p = program(ldx(o.DW, 1, 1, 16), ldx(o.W, 0, 1, pid), EXIT, prog_type=RAW)
    assert interpret(dataclasses.replace(p, section="raw_tp/sched_switch"), NoInput(), RunLimits()).r0 == 4242


@pytest.mark.parametrize(
    ("prog_type", "section", "said"),
    [
        (TRACEPOINT, "tp/sched/sched_switch", "has no field 'bogus'; it has prev_comm, prev_pid"),
        (KPROBE, "kprobe/do_unlinkat", "A kprobe has no value 'bogus'; name parameters (dfd, name), registers"),
        (RAW, "raw_tp/sched_switch", "no argument 'bogus'; it has preempt, prev, next"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(prog_type: int, section: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        run(prog_type, section, mov(0, 0), bogus=1)
    assert said in error.value.message


def test_a_packet_is_no_event() -> None:
    with pytest.raises(InputError, match="not run on a packet"):
        interpret(program(mov(0, 0), EXIT, prog_type=KPROBE), PacketInput(bytes(14)), RunLimits())
    with pytest.raises(InputError, match="wants a packet"):
        interpret(program(mov(0, 0), EXIT), EventInput("x", {}), RunLimits())
