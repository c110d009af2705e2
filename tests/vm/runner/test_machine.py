"""The machine on the JIT's code: the same results as the interpreter, and its own limits."""

from __future__ import annotations

from tests.vm.runner.programs import (
    EXIT,
    alu,
    alur,
    call,
    ld64,
    ldx,
    mov,
    movr,
    program,
    rewritten,
    st,
    stx,
)  # fmt: skip
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.jit import translate
from vm.program import MapSpec, Program
from vm.runner.execution import PROGRAM, Execution
from vm.runner.inputs import NoInput, RunLimits
from vm.runner.interp import interpret, interpret_all
from vm.runner.machine import run, run_all

LIMITS = RunLimits(insns=100_000)


def on_machine(p: Program, limits: RunLimits = LIMITS, *, record: bool = True) -> Execution:
    fixed = rewritten(p)
    return run(fixed, translate(fixed), NoInput(), limits, record=record)


def both(p: Program) -> Execution:
    """The machine's run, after a check that the interpreter's says the same."""
    x, y = on_machine(p), interpret(rewritten(p), NoInput(), LIMITS)
    assert (x.fault, x.r0, x.result, x.maps, x.insns) == (y.fault, y.r0, y.result, y.maps, y.insns)
    assert [(e.step, e.kind, e.text, e.data) for e in x.events] == [(e.step, e.kind, e.text, e.data) for e in y.events]
    assert [(s.insn_idx, s.frameno, s.event) for s in x.steps] == [(s.insn_idx, s.frameno, s.event) for s in y.steps]
    assert [[(w.data, w.name) for w in s.writes] for s in x.steps] == [
        [(w.data, w.name) for w in s.writes] for s in y.steps
    ]
    return x


CALLS = program(
    mov(6, 1), st(o.DW, 10, -8, 42), mov(1, 5),
    Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 4),
    ldx(o.DW, 1, 10, -8), alur(o.ADD, 0, 1), alur(o.ADD, 0, 6), EXIT,
    mov(6, 100), st(o.DW, 10, -8, 0), movr(0, 1), alu(o.MUL, 0, 2), EXIT,
)  # fmt: skip
LOOP = program(
    st(o.DW, 10, -8, 0), mov(1, 5), Insn(o.LD_IMM64, 2, o.PSEUDO_FUNC, 0, 10), Insn(0), movr(3, 10), alu(o.ADD, 3, -8),
    mov(4, 0), call(181), movr(6, 0), ldx(o.DW, 0, 10, -8), alu(o.LSH, 6, 8), alur(o.OR, 0, 6), EXIT,
    ldx(o.DW, 3, 2, 0), alur(o.ADD, 3, 1), stx(o.DW, 2, 0, 3), mov(0, 0), EXIT,
)  # fmt: skip
COUNTS = MapSpec("counts", 2, 4, 8, 4)
COUNT = program(
    st(o.W, 10, -4, 2), *ld64(1, 0, o.PSEUDO_MAP_FD), movr(2, 10), alu(o.ADD, 2, -4), call(1),
    Insn(o.JMP | o.JEQ | o.K, 0, 0, 2, 0), mov(1, 1), Insn(o.STX | o.ATOMIC | o.DW, 0, 1, 0, o.ADD), mov(0, 2), EXIT,
    maps=(COUNTS,),
)  # fmt: skip


def test_calls_and_frames() -> None:
    assert both(CALLS).r0 == 53


def test_callbacks() -> None:
    x = both(LOOP)
    assert x.r0 == 5 << 8 | 10
    assert max(step.frameno for step in x.steps) == 1


def test_maps_are_kept_from_run_to_run() -> None:
    both(COUNT)
    fixed = rewritten(COUNT)
    runs = run_all(fixed, translate(fixed), [NoInput()] * 3, LIMITS)
    assert [int.from_bytes(x.maps["counts"][2][1], "little") for x in runs] == [1, 2, 3]
    assert [[w.data[0] for s in x.steps for w in s.writes if w.name == "counts[2]+0"] for x in runs] == [[1], [2], [3]]


def test_every_register_is_shown_beside_its_machine_register() -> None:
    insns = [insn for reg in range(10) for insn in ld64(reg, 0x1111111111111111 * (reg + 1))]
    step = on_machine(program(*insns, EXIT)).steps[9]
    assert step.regs[:10] == tuple(0x1111111111111111 * (r + 1) % (1 << 64) for r in range(10))
    assert (step.x86[0], step.x86[7], step.x86[13]) == (step.regs[0], step.regs[1], step.regs[7])


def test_endless_loops_end_by_count_and_by_time() -> None:
    endless = program(mov(0, 0), alu(o.ADD, 0, 1), Insn(o.JMP | o.JA, 0, 0, -2))
    x = on_machine(endless, RunLimits(insns=5000, steps=100))
    assert x.fault is not None
    assert (x.fault.kind, x.insns, len(x.steps), x.steps_cut) == ("insns", 5000, 100, True)
    x = on_machine(endless, RunLimits(insns=1 << 60, seconds=0.2), record=False)
    assert x.fault is not None
    assert x.fault.kind == "time"


def test_counting_without_recording_counts_the_same() -> None:
    assert on_machine(LOOP, record=False).insns == len(on_machine(LOOP).steps)


def test_what_is_not_emulated_is_said_where_it_is_called() -> None:
    x = both(program(mov(0, 0), call(69), EXIT))
    assert x.fault is not None
    assert x.fault.message.startswith("not emulated: bpf_fib_lookup")


def test_bad_addresses_are_said_in_words() -> None:
    x = on_machine(program(mov(1, 16), mov(0, 0), ldx(o.DW, 0, 1, 0), EXIT))
    assert x.fault is not None
    assert (x.fault.insn_idx, x.fault.message) == (2, "read of 8 bytes at 0x10: a NULL pointer plus 16")


def test_tail_calls_end_after_33() -> None:
    progs = MapSpec("progs", 3, 4, 4, 1, init_slots=((0, "p"),))
    counts = MapSpec("hits", 2, 4, 8, 1)
    x = both(
        program(
            movr(6, 1), *ld64(1, 1, o.PSEUDO_MAP_VALUE), mov(2, 1), Insn(o.STX | o.ATOMIC | o.DW, 1, 2, 0, o.ADD),
            movr(1, 6), *ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, 0), call(12), mov(0, 2), EXIT,
            maps=(progs, counts),
        )
    )  # fmt: skip
    assert int.from_bytes(x.maps["hits"][0][1], "little") == 34


def test_several_runs_share_the_steps_that_are_recorded() -> None:
    fixed = rewritten(COUNT)
    limits = RunLimits(steps=15)
    for runs in (
        run_all(fixed, translate(fixed), [NoInput()] * 3, limits),
        interpret_all(fixed, [NoInput()] * 3, limits),
    ):
        assert [(len(x.steps), x.steps_cut, x.insns) for x in runs] == [(10, False, 10), (5, True, 10), (0, True, 10)]
    assert not on_machine(COUNT, record=False).steps_cut


def test_slices_of_steps_are_made_on_demand() -> None:
    steps = on_machine(LOOP).steps
    assert list(steps[3:9][1:-2]) == [steps[i] for i in range(4, 7)]
    assert steps[:] == list(steps)
    assert steps[-1] == steps[len(steps) - 1]


def test_exits_share_one_epilogue_and_count_once() -> None:
    two = program(
        mov(1, 3), Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 1), EXIT,
        mov(0, 1), Insn(o.JMP | o.JEQ | o.K, 1, 0, 1, 4), Insn(o.JMP | o.JA, 0, 0, 1), EXIT, mov(0, 2), EXIT,
    )  # fmt: skip
    x = both(two)
    assert [step.insn_idx for step in x.steps] == [0, 1, 3, 4, 5, 7, 8, 2]
    assert on_machine(two, record=False).insns == 8


def test_instructions_without_machine_code_are_steps_too() -> None:
    x = both(program(mov(0, 1), movr(0, 0), Insn(o.JMP | o.JEQ | o.K, 0, 0, 1, 1), movr(1, 1), movr(0, 0), EXIT))
    assert [step.insn_idx for step in x.steps] == [0, 1, 2, 4, 5]


def test_a_program_that_is_not_loaded_is_named() -> None:
    progs = MapSpec("progs", 3, 4, 4, 2, init_slots=((1, "elsewhere"),))
    x = both(program(*ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, 1), call(12), mov(0, 2), EXIT, maps=(progs,)))
    assert x.fault is not None
    assert x.fault.message == "not emulated: tail call to elsewhere, which is not loaded"


def test_tail_calls_into_another_program() -> None:
    progs = MapSpec("progs", 3, 4, 4, 2, init_slots=((1, "other"),))
    first = rewritten(program(*ld64(2, 0, o.PSEUDO_MAP_FD), mov(3, 1), call(12), mov(0, 2), EXIT, maps=(progs,)))
    other = rewritten(program(mov(0, 1), EXIT, maps=(progs,), name="other"))
    x = run(first, translate(first), NoInput(), LIMITS, siblings=[(other, translate(other))])
    y = interpret(first, NoInput(), LIMITS, siblings=[other])
    assert (x.result, y.result) == ("XDP_DROP", "XDP_DROP")
    assert [(e.step, e.text) for e in x.events] == [(e.step, e.text) for e in y.events] == [(2, "to other")]
    of_other = [PROGRAM, PROGRAM + 1]
    assert [s.insn_idx for s in x.steps] == [s.insn_idx for s in y.steps] == [0, 2, 3, *of_other]
