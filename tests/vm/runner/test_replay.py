"""A recording as steps: calls, names, what the verifier knew, and recordings that do not fit the program."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.cli.main import main
from vm.errors import InputError
from vm.recorded.format import decode
from vm.recorded.values import SNAPSHOT, RecordedEvent, Recording
from vm.runner.recording import RBP
from vm.runner.replay_structs import Structs
from vm.runner.stored import blocks

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def opens() -> Recording:
    return decode((EXAMPLES / "trace_opens.rec").read_bytes())


@pytest.fixture(scope="module")
def execs() -> Recording:
    return decode((EXAMPLES / "trace_execs.rec").read_bytes())


def test_calls_have_arguments_and_results_by_name(opens: Recording) -> None:
    _, run, _ = next(pipeline.stepped(opens, "on_open"))
    said = [event.text for event in run.events if event.kind == "call"]
    assert any(text.startswith("bpf_map_lookup_elem(map: &opened, key: fp-") for text in said)
    for event in run.events:
        assert run.steps[event.step].event >= 0


def test_a_record_of_the_ring_buffer_is_written_by_name(execs: Recording) -> None:
    _, run, _ = next(pipeline.stepped(execs, "on_exec"))
    assert "ctx" in {region.name for region in run.regions}
    comm, pid = execs.events[0].comm, execs.events[0].pid
    assert run.result == f"0, in {comm} ({pid})"
    stored = [write for step in run.steps for write in step.writes]
    assert pid.to_bytes(4, "little") in [write.data for write in stored]


def test_a_value_outside_what_was_proved_is_marked(opens: Recording) -> None:
    event = opens.events[0]
    (code,) = opens.codes
    # The context's pointer to the opened file becomes NULL at the last instruction: r0 is not 0 there.
    registers = bytearray(event.registers)
    last = len(event.offsets) - 2
    for state in range(last - 1, len(event.offsets)):
        struct.pack_into("<Q", registers, SNAPSHOT * state, 77)
    assert code.offset(code.address(0)) == 0
    changed = replace(opens, events=(replace(event, registers=bytes(registers)),))
    _, _, known = next(pipeline.stepped(changed, "on_open"))
    wrong = [each for each in known if each is not None and each.wrong]
    assert wrong and wrong[0].outside == ("r0",)


def test_other_machine_code_is_matched_by_line(opens: Recording) -> None:
    (code,) = opens.codes
    other = replace(code, image=b"\xcc" + code.image[1:])
    how, run, known = next(pipeline.stepped(replace(opens, codes=(other,)), "on_open"))
    exact = next(pipeline.stepped(opens, "on_open"))[1]
    assert how == "line"
    assert 4 < len(run.steps) < len(exact.steps)
    assert {step.insn_idx for step in run.steps} <= {step.insn_idx for step in exact.steps}
    assert not any(known)
    assert {step.frameno for step in run.steps} == {0}


def test_another_program_is_refused(opens: Recording) -> None:
    (code,) = opens.codes
    with pytest.raises(InputError, match="another on_open"):
        next(pipeline.stepped(replace(opens, codes=(replace(code, fingerprint="0"),)), "on_open"))


def test_a_program_without_events_is_said(opens: Recording) -> None:
    with pytest.raises(InputError, match="The recording holds no event"):
        next(pipeline.stepped(replace(opens, events=()), "on_open"))
    (code,) = opens.codes
    codes = tuple(replace(code, name=f"{n}{'x' * 4000}") for n in range(20))
    events = tuple(replace(opens.events[0], program=n) for n in range(20))
    with pytest.raises(InputError, match=r"no event of on_open; it has events of: 0x+, .* and 12 more\.$") as raised:
        next(pipeline.stepped(replace(opens, codes=codes, events=events), "on_open"))
    assert len(raised.value.message) < 700


def test_an_event_that_is_cut_has_no_result(opens: Recording) -> None:
    event = opens.events[0]
    half = len(event.offsets) // 2
    cut = replace(event, offsets=event.offsets[:half], registers=event.registers[: SNAPSHOT * half], cut="it was long")
    _, run, _ = next(pipeline.stepped(replace(opens, events=(cut,)), "on_open"))
    assert run.steps_cut and len(run.steps) > 3


def test_an_event_that_cannot_be_true_has_its_steps(
    opens: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever of it was found out before: the other events are told, and the command says which is not, and why."""
    before = [(run, known) for _, run, known in pipeline.stepped(opens, "on_open")]
    real = Structs.of
    third = opens.events[2]

    def of(self: Structs, event: RecordedEvent, *more: Any) -> Sequence[Any]:
        if event == third:
            raise InputError("Its types are damaged.")
        return real(self, event, *more)

    monkeypatch.setattr(Structs, "of", of)
    after = [(run, known) for _, run, known in pipeline.stepped(opens, "on_open")]
    assert [run.lacking for run, _ in after] == ["", "", "Its types are damaged.", "", ""]
    for n, (old, new) in enumerate(zip(before, after, strict=True)):
        assert (old == new) == (n != 2)
        assert [step.regs for step in old[0].steps] == [step.regs for step in new[0].steps]
    lacking, known = after[2]
    assert not lacking.events and not any(known) and {step.event for step in lacking.steps} == {-1}
    file = tmp_path / "odd.rec"
    file.write_bytes(pipeline.recording_file(opens))
    assert main(["recording", str(file), "--program", "on_open"]) == 2
    told = capfd.readouterr()
    assert told.err == "event 2 has its steps only, without calls and memory: Its types are damaged.\n"
    assert "event 4: " in told.out
    assert main(["recording", str(file), "--program", "on_open", "--json"]) == 2
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [each.get("lacking", "") for each in lines if "matched" in each] == [run.lacking for run, _ in after]


def test_more_frames_than_there_can_be_are_stepped(opens: Recording) -> None:
    """Frame pointers that fall at each state, as no kernel leaves them."""
    event = opens.events[0]
    offsets, registers = event.offsets * 20, bytearray(event.registers * 20)
    for state in range(len(offsets)):
        struct.pack_into("<Q", registers, SNAPSHOT * state + 8 * RBP, (1 << 40) - 64 * state)
    deep = replace(event, offsets=offsets, registers=bytes(registers))
    ((_, run, _),) = pipeline.stepped(replace(opens, events=(deep,)), "on_open")
    assert len(run.steps) > 500 and max(step.frameno for step in run.steps) == 254
    assert sum(len(numbers) for numbers, _ in blocks(run.steps, iter(()))) == len(run.steps)
