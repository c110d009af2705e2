"""Kernel variables in a run's memory: within reach of machine code, the same for both engines, fresh for each run."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, call, ld64, program
from vm import pipeline
from vm.errors import InternalError
from vm.isa import opcodes as o
from vm.jit.image import Image
from vm.kernel.symbols import symbol_name
from vm.rewritten import Rewritten
from vm.runner import interp, machine
from vm.runner.inputs import PacketInput, RunLimits
from vm.runner.memory import Memory
from vm.runner.symbols import KernelSymbols
from vm.runner.world import HZ, INITIAL_JIFFIES, World

JIFFIES64, KTIME_GET_NS = 118, 5
LIMITS = RunLimits()


def fixed(*helpers: int) -> tuple[Rewritten, Image]:
    verification, env = pipeline.verify(program(*(call(helper) for helper in helpers), EXIT))
    assert verification.verdict == "accept", verification.log
    rewritten = pipeline.rewrite(env)
    return rewritten, pipeline.translate(rewritten)


def test_jiffies_go_on_from_run_to_run_on_both_engines() -> None:
    rewritten, image = fixed(*[KTIME_GET_NS] * 5, JIFFIES64)
    packets = [PacketInput(bytes(14))] * 1000
    on_machine = [x.r0 for x in machine.run_all(rewritten, image, packets, LIMITS, record=False)]
    interpreted = [x.r0 for x in interp.interpret_all(rewritten, packets, LIMITS, record=False)]
    first = INITIAL_JIFFIES + LIMITS.time_ns * HZ // 10**9
    assert on_machine == interpreted
    assert (on_machine[0], on_machine[-1]) == (first, first + 5000 // (10**6 // HZ))


def test_an_address_that_does_not_fit_into_the_code_is_no_silent_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "kernel_symbol", lambda world, name: 0xFFFF_8881_0000_0000)
    with pytest.raises(InternalError, match="the address of ksym jiffies does not fit"):
        machine.run(*fixed(JIFFIES64), PacketInput(bytes(14)), LIMITS)


def test_variables_are_where_machine_code_reaches_them() -> None:
    memory = Memory()
    percpu = memory.map("per-CPU area", 0xFFFF_8880_7B00_0000, 1 << 20)
    symbols = KernelSymbols(memory, percpu)
    jiffies, offset = symbols.address("jiffies"), symbols.address("bpf_prog_active")
    assert symbols.address("jiffies_64") == jiffies
    assert jiffies >= (1 << 64) - (1 << 31)
    assert memory.name_of(jiffies) == "jiffies+0"
    assert (offset, memory.name_of(percpu.base + offset)) == (193648, "bpf_prog_active+0")
    symbols.reset(77)
    assert memory.get(jiffies, 8) == 77
    memory.close()


def test_btf_ids_of_variables_and_functions() -> None:
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    found = kernel_btf().find("bpf_prog_active", Kind.VAR)
    assert found is not None
    assert symbol_name(found.id) == "bpf_prog_active"
    assert [symbol_name(btf_id) for btf_id in (0, -1, 1, 1 << 30)] == [None] * 4


def test_a_plain_program_that_loads_something_else_says_so() -> None:
    x = interp.interpret(program(*ld64(0, 1, o.PSEUDO_BTF_ID), EXIT), PacketInput(bytes(14)), LIMITS)
    assert x.fault is not None
    assert x.fault.message == "BTF id 1 is no variable or function of the kernel"
