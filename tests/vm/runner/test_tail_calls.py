"""Tail calls in a recorded event: the programs that they enter are steps of the same event.

The recordings are those of `python -m vm record tests/golden/recordings/tail_calls.c --kernel 6.12 --events 2 --shell
'busybox true; busybox true'`, and of 6.1, whose machine code is another one; and of rounds.c and returns.c, recorded in
the same way.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.errors import InputError
from vm.pipeline import Recording
from vm.recorded.format import decode, encode
from vm.recorded.values import SNAPSHOT
from vm.runner.execution import PROGRAM, Execution
from vm.runner.recording import BPF_REGS
from vm.runner.replay import counts

FOLDER = Path(__file__).parents[2] / "golden" / "recordings"
CHAIN = ["entered", "counted", "told"]


def recorded(kernel: str) -> Recording:
    return pipeline.recording_of((FOLDER / f"tail_calls-{kernel}.rec").read_bytes())


def events(recording: Recording, name: str = "entered") -> list[Execution]:
    return [run for _, run, _ in pipeline.stepped(recording, name)]


def jumps(run: Execution) -> list[tuple[int, str]]:
    return [(event.step, event.text) for event in run.events if event.kind == "tail_call"]


@pytest.mark.parametrize("kernel", ["6.12", "6.1"])
def test_a_tail_call_goes_on_in_the_same_event(kernel: str) -> None:
    runs = events(recorded(kernel))
    assert len(runs) == 2
    for run in runs:
        programs = [step.insn_idx // PROGRAM for step in run.steps]
        assert sorted(programs) == programs and set(programs) == {0, 1, 2}
        assert {step.frameno for step in run.steps} == {0}  # each frame replaces the one before
        last = [max(i for i, each in enumerate(programs) if each == number) for number in (0, 1)]
        assert jumps(run) == [(last[0], "to counted, which replaces this frame"),
                              (last[1], "to told, which replaces this frame")]  # fmt: skip
        assert run.r0 == 3 and run.result.startswith("3, in ") and run.insns == len(run.steps)
        entered = [next(step for step in run.steps if step.insn_idx // PROGRAM == number) for number in (1, 2)]
        assert all(0 <= step.insn_idx % PROGRAM < 3 for step in entered)


def test_the_context_and_what_is_printed_are_those_of_the_event() -> None:
    for run, name in zip(events(recorded("6.12")), ("/bin/sh", "/proc/self/exe"), strict=True):
        calls = [event.text for event in run.events if event.kind == "call"]
        assert any(text.startswith("bpf_trace_printk(") for text in calls)
        (empty,) = (text for text in calls if text.startswith("bpf_tail_call("))
        assert empty.endswith("index: 2)")  # nothing was there: the program goes on, without a result
        written = [write.data for step in run.steps for write in step.writes if write.by == "call"]
        assert any(name.encode() in data for data in written)


def test_an_entered_program_has_events_of_its_own() -> None:
    assert [len(events(recorded("6.12"), name)) for name in CHAIN] == [2, 4, 5]
    own = events(recorded("6.12"), "counted")
    assert {jumps(run)[0][1] for run in own} == {"to told, which replaces this frame"}
    assert all(run.steps[0].insn_idx == 0 for run in own)


def test_what_the_verifier_knew_is_that_of_the_program_entered() -> None:
    for _, run, known in pipeline.stepped(recorded("6.12"), "entered"):
        assert len(known) == len(run.steps)
        unknown = [i for i, about in enumerate(known) if about is None]
        assert unknown == [left for left, _ in jumps(run)]
        assert not any(about.wrong for about in known if about is not None)


def rounds() -> Recording:
    return pipeline.recording_of((FOLDER / "rounds-6.12.rec").read_bytes())


def test_a_program_that_enters_itself_is_known_in_each_round() -> None:
    for _, run, known in pipeline.stepped(rounds(), "again"):
        assert [text for _, text in jumps(run)] == ["to itself"] * 3 + ["to last, which replaces this frame"]
        assert [i for i, about in enumerate(known) if about is None] == [step for step, _ in jumps(run)]
        assert not any(about.wrong for about in known if about is not None)


def test_what_a_subprogram_enters_returns_to_the_subprogram_s_caller() -> None:
    told = list(pipeline.stepped(rounds(), "sub"))
    assert len(told) == 2
    for _, run, known in told:
        places = [(step.insn_idx // PROGRAM, step.insn_idx % PROGRAM, step.frameno) for step in run.steps]
        assert places == [
            (0, 0, 0),
            (0, 3, 1),
            (0, 5, 1),
            (0, 6, 1),
            *((2, n, 1) for n in range(4)),
            (0, 1, 0),
            (0, 2, 0),
        ]
        assert jumps(run) == [(3, "to last, which replaces this frame")]
        # The caller's rest is followed in its own walk again.
        assert [i for i, about in enumerate(known) if about is None] == [3]
        assert not any(about.wrong for about in known if about is not None)
    # An event of its own has nothing behind its return.
    own = list(pipeline.stepped(rounds(), "last"))
    assert len(own) == 7 and all(not jumps(run) and all(known) and len(run.steps) == 4 for _, run, known in own)


def returns() -> Recording:
    return pipeline.recording_of((FOLDER / "returns-6.12.rec").read_bytes())


# Program and frame of the steps, where they change.
RETURNS = {
    "kept": [(0, 0), (0, 1), (1, 1), (0, 0)],
    "taken": [(0, 0), (0, 1), (1, 1), (0, 0)],
    "twice": [(0, 0), (0, 1), (0, 2), (1, 2), (0, 1), (0, 0)],
    "nested": [(0, 0), (0, 1), (2, 1), (2, 2), (1, 2), (2, 1), (0, 0)],
    "alone": [(0, 0), (0, 1), (1, 1), (0, 0)],
}


@pytest.mark.parametrize("name", RETURNS)
def test_the_rest_of_each_caller_is_followed_in_its_own_walk(name: str) -> None:
    ((_, run, known),) = pipeline.stepped(returns(), name)
    places = [(step.insn_idx // PROGRAM, step.frameno) for step in run.steps]
    assert [each for i, each in enumerate(places) if i == 0 or places[i - 1] != each] == RETURNS[name]
    assert [i for i, about in enumerate(known) if about is None] == [step for step, _ in jumps(run)]
    # The registers beside a return are those that the program left, not those of the frame that it returns to.
    last = [i for i, each in enumerate(places[:-1]) if each[1] > places[i + 1][1] and each[0] != places[i + 1][0]]
    assert last and all(run.steps[i].regs[10] == run.steps[i - 1].regs[10] for i in last)
    # Of taken() the verifier knew that its subprogram returns 5: it did not look at what the tail call enters.
    back = next(i for i, step in enumerate(run.steps) if i > jumps(run)[0][0] and step.insn_idx < PROGRAM)
    wrong = [(i, about.outside) for i, about in enumerate(known) if about is not None and about.wrong]
    assert wrong == ([(back, ("r0",))] if name == "taken" else [])


def test_the_rest_of_an_event_is_no_event_of_its_own() -> None:
    counted = dict(zip((code.name for code in returns().codes), counts(returns()), strict=True))
    assert counted == {
        "last": 9, "enters": 2, "kept": 1, "taken": 1, "twice": 1, "nested": 1, "alone": 1, "filled": 1,
    }  # fmt: skip
    for name, events in counted.items():
        runs = [run for _, run, _ in pipeline.stepped(returns(), name)]
        assert len(runs) == events and all(run.steps[0].insn_idx == 0 for run in runs)


def with_rest(recording: Recording, program: str, register: int, value: int) -> Recording:
    """The rest of a program, behind what its subprogram's tail call entered, with another value in a register."""
    names = [recording.codes[event.program].name for event in recording.events]
    n = max(i for i, each in enumerate(names) if each == program)
    registers = bytearray(recording.events[n].registers)
    for state in range(len(recording.events[n].offsets)):
        struct.pack_into("<Q", registers, SNAPSHOT * state + 8 * register, value)
    found = list(recording.events)
    found[n] = replace(found[n], registers=bytes(registers))
    return replace(recording, events=tuple(found))


@pytest.mark.parametrize(("register", "name", "value"), [(0, "r0", 77), (BPF_REGS[7], "r7", 1 << 40)])
def test_a_value_outside_what_was_proved_is_found_in_the_rest(register: int, name: str, value: int) -> None:
    recording = with_rest(returns(), "kept", register, value)
    ((_, run, known),) = pipeline.stepped(recording, "kept")
    back = max(i for i, step in enumerate(run.steps) if step.insn_idx >= PROGRAM) + 1
    assert [(i, about.outside) for i, about in enumerate(known) if about is not None and about.wrong] == [
        (back, (name,))
    ]


def test_names_of_the_callers_stack_are_those_of_their_frames() -> None:
    ((_, run, known),) = pipeline.stepped(returns(), "filled")
    written = [(step.frameno, write.name, write.data[0]) for step in run.steps for write in step.writes if not write.by]
    assert written == [(1, "0:fp-8", run.r0)]
    assert not any(about.wrong for about in known if about is not None)


def test_by_line_nothing_is_known() -> None:
    assert all(not any(known) for _, _, known in pipeline.stepped(recorded("6.1"), "entered"))


def test_a_value_outside_what_was_proved_is_found_behind_a_tail_call() -> None:
    """The last program returns 3; of a register that holds 77 there the verifier knew something else."""
    recording = recorded("6.12")
    names = [recording.codes[event.program].name for event in recording.events]
    n = names.index("told", names.index("entered"))
    event = recording.events[n]
    registers = bytearray(event.registers)
    for state in range(len(event.offsets) - 6, len(event.offsets)):
        struct.pack_into("<Q", registers, SNAPSHOT * state, 77)
    changed = list(recording.events)
    changed[n] = replace(event, registers=bytes(registers))
    first, second = pipeline.stepped(replace(recording, events=tuple(changed)), "entered")
    wrong = [i for i, about in enumerate(first[2]) if about is not None and about.wrong]
    assert wrong and all(first[1].steps[i].insn_idx // PROGRAM == 2 for i in wrong)
    assert {about.outside for about in first[2] if about is not None and about.wrong} == {("r0",)}
    assert not any(about.wrong for about in second[2] if about is not None)


def test_a_struct_has_what_all_programs_did_to_it() -> None:
    recording = recorded("6.12")
    (first, _) = pipeline.recorded_structs(recording, "entered")
    run = events(recording)[0]
    left = [step for step, _ in jumps(run)]
    (section,) = (each for each in first if each.name.startswith(".bss"))
    fields = [section.rows[held.row].name for held in section.held]
    steps = [held.step for held in section.held]
    assert fields == ["last_pid", "execs", "last_pid"] and section.steps == len(run.steps)
    assert steps[0] < left[0] < steps[1] < left[1] < steps[2]
    assert [held.how for held in section.held] == ["write", "write", "read"]


def test_a_program_that_is_not_there_ends_the_event() -> None:
    recording = recorded("6.12")
    codes = tuple(replace(code, fingerprint="0" * 16) if code.name == "counted" else code for code in recording.codes)
    for run in events(replace(recording, codes=codes)):
        assert {step.insn_idx // PROGRAM for step in run.steps} == {0}
        assert jumps(run) == [(len(run.steps) - 1, "to counted, which replaces this frame")]
    # Without the events that follow, as where a limit was hit.
    cut = replace(
        recording, events=tuple(each for each in recording.events if recording.codes[each.program].name == "entered")
    )
    assert all(each.continues for each in cut.events)
    alone = events(replace(cut, events=cut.events[:1]))
    assert jumps(alone[0])[-1][1] == "to another program, which replaces this frame"


def test_older_files_and_others_are_read() -> None:
    data = (FOLDER / "tail_calls-6.12.rec").read_bytes()
    assert data[4:6] == b"\1\0"  # older versions read it, too
    assert decode(encode(decode(data))) == decode(data)
    body = zlib.decompress(data[16:])
    (length,) = struct.unpack_from("<I", body)
    head, rest = json.loads(body[4 : 4 + length]), body[4 + length :]
    assert [event["continues"] for event in head["events"] if "continues" in event] == [True] * 6

    def changed(value: Any) -> bytes:
        for event in head["events"]:
            event.pop("continues", None)
            if value is not None:
                event["continues"] = value
        told = json.dumps(head).encode()
        whole = struct.pack("<I", len(told)) + told + rest
        return struct.pack("<4sHHII", b"BPFR", 1, 0, len(whole), zlib.crc32(whole)) + zlib.compress(whole)

    older = decode(changed(None))
    assert all(jumps(run) == [] for run in events(older))
    with pytest.raises(InputError, match="does not hold"):
        decode(changed(1))
    # Each event continues the one before, also those of the program itself: one long event, and no endless one.
    assert 1 <= len(events(decode(changed(True)))) <= 6
