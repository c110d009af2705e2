"""Recording in guests: events of a workload, what is chosen, a guest that dies; which states are an event's."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from vm import pipeline
from vm.errors import InputError, LimitError
from vm.guests import running
from vm.guests.guards import guards
from vm.guests.process import MODULE_AREA
from vm.guests.recorder import _own, _parts
from vm.guests.states import State
from vm.guests.stub import Registers
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Choice, Recording, Setup, Source, Taken
from vm.recorded.values import Place, RecordedCode
from vm.runner.execution import PROGRAM
from vm.runner.replay import EXACT

ROOT = Path(__file__).parents[3]
BASE, STACK = 0xFFFF_FFFF_C000_0000, 0xFFFF_8880_0000_8000
CODE = RecordedCode("main", "", bytes(0x40), (Place(BASE, 0x20), Place(BASE + 0x1000, 0x20)), ())


JUMPS = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
int second(void *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__array(values, int (void *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&second } };
SEC("raw_tracepoint/sched_process_exec") int first(void *ctx) { bpf_tail_call(ctx, &jumps, 1); return 1; }
SEC("raw_tracepoint") int second(void *ctx) { return bpf_get_smp_processor_id() + 7; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_guards_are_in_each_page_and_at_no_instruction() -> None:
    ones, long = b"\x50" * 4094, bytes.fromhex("48b8") + bytes(8)  # push %rax; movabs $0,%rax
    image = ones + long + b"\xc3" + bytes.fromhex("0f1f440000") + b"\x50\xc3"
    assert guards(RecordedCode("main", "", image, (Place(BASE, 4105), Place(BASE + 0x5010, 7)), ())) == [
        BASE + 4103, BASE + 0x5014,
    ]  # fmt: skip


def at(address: int, stack: int = STACK) -> Registers:
    return Registers(address, tuple(stack if i == 4 else i for i in range(16)))


def own(states: Sequence[Registers]) -> tuple[array[int], int]:
    offsets, registers, cut, lowest = _own(CODE, at(BASE), states)
    assert len(registers) == 128 * len(offsets) and not cut
    return offsets, lowest


def test_only_the_programs_own_states_are_the_events() -> None:
    states = [
        at(BASE), at(BASE + 4, STACK - 16), at(BASE + 0x500, STACK - 64),  # another program, run by a helper
        at(BASE + 0x1000, STACK - 32), at(BASE + 0x1004, STACK - 48), at(BASE + 8, STACK - 1 << 20), at(BASE + 9),
    ]  # fmt: skip
    offsets, lowest = own(states)
    assert list(offsets) == [0, 4, 0x20, 0x24, 9]
    assert lowest == STACK - 48


def test_an_interrupts_run_of_the_same_program_is_left_out() -> None:
    inner = [at(BASE, STACK - 256), at(BASE + 4, STACK - 272)]
    offsets, _ = own([at(BASE), at(BASE + 4, STACK - 16), *inner, at(BASE + 5, STACK - 16)])
    assert list(offsets) == [0, 4, 5]


def test_an_instruction_that_is_logged_again_after_an_interrupt_is_one_state() -> None:
    handler = at(BASE - 0x1000, STACK - 256)
    offsets, _ = own([at(BASE), at(BASE + 4), handler, at(BASE + 4), at(BASE + 4, STACK - 16)])
    assert list(offsets) == [0, 4, 4]


@pytest.fixture(scope="module")
def state() -> State:
    found = pipeline.saved_guests()
    states = [state for state in found.states if state.name == VERSION]
    if not states:
        pytest.skip(found.missing or f"there is no saved guest of {VERSION}")
    return states[0]


def record(
    state: State, name: str, shell: str, choice: Choice, setup: Setup | None = None
) -> tuple[list[Taken], Recording]:
    source = Source("c", (ROOT / "examples" / f"{name}.c").read_bytes(), name)
    _, build = pipeline.built(source, BuildOptions())
    assert build is not None
    said = list(pipeline.record(build, source, state, choice, shell=shell, seconds=15, setup=setup or Setup()))
    assert isinstance(said[-1], Recording)
    return [each for each in said if isinstance(each, Taken)], said[-1]


@pytest.mark.guests
def test_the_first_events_of_a_task(state: State) -> None:
    taken, recording = record(
        state, "trace_execs", "for i in 1 2 3; do /bin/busybox true; done", Choice(2, task="busybox")
    )
    assert [each.event.comm for each in taken] == ["busybox", "busybox"]
    read = pipeline.recording_of(pipeline.recording_file(recording))
    assert read == recording
    for how, run, known in pipeline.stepped(read, "on_exec"):
        assert how == "instruction" and len(run.steps) == 29
        assert all(known) and not [each for each in known if each is not None and each.wrong]


@pytest.mark.guests
def test_only_bpf_programs_are_in_the_area_that_is_logged(state: State) -> None:
    area, size = (int(part, 16) for part in MODULE_AREA.split("+"))
    symbols = {name: int(address, 16) for address, _, name, *_ in map(str.split, state.symbols.splitlines())}
    assert symbols["_etext"] < area <= BASE < area + size


@pytest.mark.guests
def test_events_are_recorded_while_the_init_of_the_guest_enters_the_programs_too(state: State) -> None:
    taken, recording = record(state, "trace_reads", "for i in 1 2 3 4; do busybox wc /init >/dev/null; done", Choice(2))
    assert {(each.event.program, each.event.comm) for each in taken} == {(0, "busybox"), (1, "busybox")}
    assert len(taken) == 4 and not recording.notes


@pytest.mark.guests
def test_an_event_that_never_comes_is_said(state: State) -> None:
    taken, recording = record(state, "trace_connects", "busybox true", Choice(2))
    assert not taken
    assert recording.notes == ("on_connect did not run.",)


@pytest.mark.guests
def test_a_guest_that_dies_loses_nothing(state: State) -> None:
    shell = "/bin/busybox true; /bin/busybox true; echo c >/proc/sysrq-trigger"
    try:
        taken, recording = record(state, "trace_execs", shell, Choice(5))
    except LimitError as error:  # it died before an event was told
        assert error.message.startswith("The guest")
        return
    assert taken and recording.events
    assert recording.notes[-1].startswith("The guest was lost: ")


@pytest.mark.guests
def test_only_events_that_meet_the_condition(state: State) -> None:
    shell = "for i in 1 2 3; do /bin/busybox true; done"
    taken, first = record(state, "trace_execs", shell, Choice(1))
    assert len(taken) == 1
    pid = taken[0].event.pid
    taken, _ = record(state, "trace_execs", shell, Choice(5, where=f"old_pid == {pid + 1}"))
    assert [each.event.pid for each in taken] == [pid + 1]
    taken, last = record(state, "trace_execs", shell, Choice(5, where="old_pid == 1", task="sh"))
    assert not taken
    assert last.notes[0].startswith("on_exec ran ") and "never with old_pid == 1" in last.notes[0]
    with pytest.raises(InputError, match="names nothing: no program has such a field in its context"):
        record(state, "trace_execs", shell, Choice(5, where="nothing == 1"))


@pytest.mark.guests
def test_a_guest_that_is_stopped_hundreds_of_times_goes_on(state: State) -> None:
    shell = "for i in 1 2 3 4 5 6 7 8; do busybox usleep 20000; done"
    _, recording = record(state, "trace_waits", shell, Choice(1, task="nobody"))
    # Where a stop takes long, the stops themselves keep the scheduler busy: the workload may be ended by its limit.
    ran = [note for note in recording.notes if "never in a task called nobody" in note]
    assert len(ran) == 2 and len(recording.notes) <= 3
    assert sum(int(note.split(" ran ")[1].split()[0]) for note in ran) > 100


def test_a_program_behind_a_tail_call_continues_the_event() -> None:
    other = RecordedCode("other", "", bytes(64), (Place(BASE + 0x8000, 64),), ())
    states = [
        at(BASE), at(BASE + 4, STACK - 16),
        at(BASE + 0x8000, STACK - 64), at(BASE + 0x8004, STACK - 80),  # another run, in a helper
        at(BASE + 8, STACK - 16), at(BASE + 0x8004, STACK - 8), at(BASE + 0x8008, STACK - 24),
        at(BASE, STACK - 200), at(BASE + 4, STACK - 216),  # an interrupt enters the first program again
        at(BASE + 0x800c, STACK - 24), at(BASE + 0x10, STACK - 8),  # and back, by another tail call
    ]  # fmt: skip
    parts = [(n, list(_own([CODE, other][n], at(BASE), own)[0])) for n, own in _parts([CODE, other], at(BASE), states)]
    assert parts == [(0, [0, 4, 8]), (1, [4, 8, 12]), (0, [16])]


@pytest.mark.guests
def test_a_tail_call_is_followed(state: State) -> None:
    _, build = pipeline.built(Source("c", JUMPS.encode(), "jumps"), BuildOptions())
    assert build is not None
    *_, recording = pipeline.record(
        build, build.source, state, Choice(2), shell="busybox true; busybox true; busybox true", seconds=15
    )
    assert isinstance(recording, Recording)
    assert [recording.codes[event.program].name for event in recording.events] == ["first", "second"] * 2
    for first, second in zip(recording.events[::2], recording.events[1::2], strict=True):
        assert first.pid == second.pid and second.offsets[0] > 0 and first.continues and not second.continues
    for name, insns in (("first", [0, 2, 3, PROGRAM, PROGRAM + 1, PROGRAM + 2]), ("second", [0, 1, 2])):
        for how, run, known in pipeline.stepped(recording, name):
            assert how == EXACT and [step.insn_idx for step in run.steps] == insns and run.result.startswith("7, in ")
            assert not [each for each in known if each is not None and each.wrong]


@pytest.mark.guests
def test_a_workload_that_does_not_end_is_stopped_and_this_is_noted(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "RECORDING_SPARE", 1.0)
    source = Source("c", (ROOT / "examples" / "trace_execs.c").read_bytes(), "trace_execs")
    _, build = pipeline.built(source, BuildOptions())
    assert build is not None
    said = list(pipeline.record(build, source, state, Choice(1), shell="busybox true; busybox sleep 600", seconds=12))
    assert isinstance(said[-1], Recording) and len(said[-1].events) == 1
    assert said[-1].notes == ("The workload had not ended after 13 s, and was stopped.",)


@pytest.mark.guests
def test_variables_and_maps_are_changed_before(state: State) -> None:
    shell = "cd /tmp; echo a >keptx; echo b >gone~; rm -f keptx gone~"
    taken, recording = record(state, "guard_files", shell, Choice(2, task="rm"), Setup(values={"mark": "120"}))
    assert len(taken) == 2 and recording.notes[0].startswith("Variables or targets were changed")
    results = [run.result for _, run, _ in pipeline.stepped(recording, "on_unlink")]
    assert [result.split(",")[0] for result in results] == ["-EPERM (-1)", "0"]
    with pytest.raises(InputError, match="nothing_here"):
        record(state, "guard_files", shell, Choice(), Setup(values={"nothing_here": "1"}))
