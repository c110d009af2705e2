"""Recordings of kernels that are not the emulated one: how instructions are matched, registers, lines of C, fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import pipeline
from vm.btf.types import Btf
from vm.guests.states import State
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Choice, Recording, Source
from vm.recorded.kernel_types import kernel_types
from vm.runner.execution import PROGRAM, Execution, RunStep
from vm.runner.replay import BY_LINE, EXACT

ROOT = Path(__file__).parents[3]
KERNELS = ("5.10", "6.1", "6.18", "7.3")
TEXT = (ROOT / "examples" / "trace_execs.c").read_text()
CONNECTS = (ROOT / "examples" / "trace_connects.c").read_bytes()
SHELL = "for i in 1 2; do /bin/busybox true; done"


@pytest.fixture(scope="module", params=KERNELS)
def recorded(request: pytest.FixtureRequest) -> tuple[State, Recording]:
    """Two runs of trace_execs in tasks called busybox."""
    found = pipeline.saved_guests()
    state = next((state for state in found.states if state.name == request.param), None)
    if state is None or state.name == VERSION:
        pytest.skip(found.missing or f"there is no saved guest of {request.param}")
    source = Source("c", TEXT.encode(), "trace_execs")
    _, build = pipeline.built(source, BuildOptions())
    assert build is not None
    *_, last = pipeline.record(build, source, state, Choice(2, task="busybox"), shell=SHELL, seconds=30)
    assert isinstance(last, Recording)
    read = pipeline.recording_of(pipeline.recording_file(last))
    assert read == last
    return state, read


def lines(execution: Execution, recording: Recording) -> list[int]:
    """Lines of C of the steps, each once where it is told several times in a row."""
    source, options = pipeline.source_of(recording)
    _, build = pipeline.built(source, options)
    assert build is not None
    program = pipeline.choose(pipeline.load(build.source, build.options, build.compiled), "on_exec")
    found: list[int] = []
    for step in execution.steps:
        line = program.line_of(step.insn_idx)
        if line is not None and found[-1:] != [line]:
            found.append(line)
    return found


def line(text: str) -> int:
    return next(n for n, each in enumerate(TEXT.splitlines(), 1) if text in each)


def moved(steps: list[RunStep], name: str) -> list[bytes]:
    """What was read or written at places of that name."""
    return [write.data for step in steps for write in step.writes if name in write.name]


@pytest.mark.guests
def test_events_of_other_kernels_are_stepped(recorded: tuple[State, Recording]) -> None:
    state, recording = recorded
    assert recording.kernel == state.name and recording.release == state.release
    assert len(recording.events) == 2 and not recording.notes
    said = list(pipeline.stepped(recording, "on_exec"))
    assert len(said) == 2
    for event, (how, run, known) in zip(recording.events, said, strict=True):
        assert how in (EXACT, BY_LINE)
        # Calls and what the verifier knew are told where each instruction is a step, and nowhere else.
        assert any(known) == (how == EXACT) and bool(run.events) == (how == EXACT)
        assert not [each for each in known if each is not None and each.wrong]
        assert run.result == f"0, in busybox ({event.pid})" and not run.steps_cut and run.r0 == 0
        steps = list(run.steps)
        pid = event.pid.to_bytes(4, "little")
        assert pid in moved(steps, "old_pid")
        stored = [write.data for step in steps for write in step.writes if not write.by]
        assert stored.count(pid) == 2  # e->pid and e->parent
        visited = lines(run, recording)
        wanted = [
            line(text) for text in ("_reserve(", "e->pid =", "e->parent =", "_get_current_comm", "_ringbuf_submit")
        ]
        assert [each for each in visited if each in wanted] == sorted(each for each in visited if each in wanted)
        assert set(wanted) <= set(visited)


@pytest.mark.guests
def test_the_context_of_other_kernels_is_a_struct(recorded: tuple[State, Recording]) -> None:
    _, recording = recorded
    for event, found in zip(recording.events, pipeline.recorded_structs(recording, "on_exec"), strict=True):
        ctx = found[0]
        told = {ctx.rows[held.row].name: held.text for held in ctx.held}
        assert told["pid"] == told["old_pid"] == str(event.pid)


@pytest.mark.guests
def test_the_types_of_other_kernels_are_kept(recorded: tuple[State, Recording]) -> None:
    state, _ = recorded
    there = Btf(*state.btf_data)
    _, build = pipeline.built(Source("c", CONNECTS, "connects"), BuildOptions())
    assert build is not None
    program = pipeline.load(build.source, build.options, build.compiled).programs[0]
    kept = Btf(kernel_types([program], there))
    sock = kept.struct("sock")
    assert sock.size == there.struct("sock").size
    assert kept.offset_of("sock", "sk_receive_queue.lock") == there.offset_of("sock", "sk_receive_queue.lock")


@pytest.mark.guests
@pytest.mark.parametrize(("kernel", "how"), [(VERSION, EXACT), ("6.1", BY_LINE), ("7.3", BY_LINE)])
def test_programs_that_tail_calls_enter_are_steps_of_the_event(kernel: str, how: str) -> None:
    found = pipeline.saved_guests()
    state = next((state for state in found.states if state.name == kernel), None)
    if state is None:
        pytest.skip(found.missing or f"there is no saved guest of {kernel}")
    source = Source("c", (ROOT / "tests" / "golden" / "recordings" / "tail_calls.c").read_bytes(), "tail_calls")
    _, build = pipeline.built(source, BuildOptions())
    assert build is not None
    *_, recording = pipeline.record(build, source, state, Choice(2), shell=SHELL, seconds=30)
    assert isinstance(recording, Recording)
    runs = list(pipeline.stepped(recording, "entered"))
    assert len(runs) == 2
    for matched, run, known in runs:
        assert matched == how and run.result.startswith("3, in ")
        assert [text for _, kind, text, _ in run.events if kind == "tail_call"] == [
            "to counted, which replaces this frame", "to told, which replaces this frame",
        ]  # fmt: skip
        assert {step.insn_idx // PROGRAM for step in run.steps} == {0, 1, 2} and not run.steps_cut
        assert not [about for about in known if about is not None and about.wrong]
