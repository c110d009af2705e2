"""A recording as a job: of a long one the first event is told before the others."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.messages import told
from playground.present.replayed import REPLAYED_AT_ONCE
from playground.present.run import run_job
from vm import pipeline
from vm.errors import InputError
from vm.runner.execution import Execution
from vm.runner.replay import Event, Replay, _Event

EXAMPLES = Path(__file__).parents[3] / "examples"
Message = dict[str, Any]


def started(times: int) -> Iterator[Message]:
    """The job for the recorded example, with its events so many times."""
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    long = pipeline.recording_file(replace(recording, events=recording.events * times))
    given = {"kind": "recording", "base64": base64.b64encode(long).decode()}
    source = {name: recording.source[name] for name in ("kind", "source", "options")}
    return run_job({**source, "input": given})


def answers(times: int) -> list[Message]:
    """What that job tells."""
    return list(started(times))


def of_run(messages: list[Message]) -> list[Message]:
    return [each for each in messages if each.get("stage") == "run" or each["type"] == "replayed"]


def test_a_short_recording_is_told_at_once() -> None:
    messages = of_run(answers(1))
    assert [each["type"] for each in messages].count("replayed") == 0
    assert messages[-1]["type"] == "stage" and "replayed" not in messages[-1]["recorded"]
    assert len(messages[-1]["runs"]) == 5


def test_of_a_long_recording_the_first_event_comes_first() -> None:
    messages = of_run(answers(20))
    kinds = [each["type"] for each in messages]
    result = messages[kinds.index("stage", 1)]
    before = messages[: messages.index(result)]
    assert {each["run"] for each in before if each["type"] == "block"} == {0}
    assert [each["from"] for each in before if each["type"] == "steps"] == [0]
    assert result["status"] == "done" and len(result["runs"]) == 100 and result["recorded"]["replayed"] == 1
    assert {each["run"] for each in result["events"]} == {0} == {each["run"] for each in result["recorded"]["structs"]}
    assert kinds[-1] == "replayed" and kinds.count("replayed") == 1
    last = messages[-1]
    assert "replayed" not in last["recorded"] and {each["run"] for each in last["events"]} == set(range(100))
    assert {each["run"] for each in messages if each["type"] == "block"} == set(range(100))
    # The result says of each event what its steps say later.
    steps = {each["run"]: each["to"] for each in messages if each["type"] == "block"}
    assert [each["steps"] for each in result["runs"]] == [steps[n] for n in range(100)]
    assert sum(steps.values()) > REPLAYED_AT_ONCE
    for each in (result, last):
        assert told.read(json.dumps(each)) is not None


def test_what_is_told_late_is_what_a_short_recording_tells() -> None:
    short, long = of_run(answers(1))[-1], of_run(answers(20))[-1]
    fifth = [each for each in long["events"] if each["run"] in range(5)]
    assert fifth == short["events"]
    named = ("run", "name", "type", "address", "values")
    assert [[each[name] for name in named] for each in long["recorded"]["structs"] if each["run"] < 5] == [
        [each[name] for name in named] for each in short["recorded"]["structs"]
    ]


def failing(monkeypatch: pytest.MonkeyPatch, number: int, error: Exception) -> None:
    """Replaying the event with this number fails."""
    real = Replay.event

    def event(self: Replay, n: int) -> Event:
        if n == number:
            raise error
        return real(self, n)

    monkeypatch.setattr(Replay, "event", event)


def until_error(said: Iterator[Message], error: type[Exception]) -> list[Message]:
    messages = []
    with pytest.raises(error):
        for message in said:
            messages.append(message)
    return messages


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), MemoryError()])
def test_what_was_replayed_is_told_before_a_failure(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    failing(monkeypatch, 7, error)
    messages = until_error(started(20), type(error))
    run = of_run(messages)
    assert [each["status"] for each in run if each["type"] == "stage"] == ["working", "done"]
    last = run[-1]
    assert last["type"] == "replayed" and last["recorded"]["replayed"] == 7
    assert {each["run"] for each in last["events"]} == set(range(7))
    assert {each["run"] for each in last["recorded"]["structs"]} == set(range(7))
    assert messages[-1] is last


def test_what_the_other_stages_tell_later_comes_before_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.present.run._next_compiler", lambda: iter([{"type": "late"}]))
    kinds = [each.get("run", each["type"]) for each in started(20) if each["type"] in ("late", "block", "replayed")]
    assert kinds[:3] == ["block", 0, "late"] and kinds[3:] == [*range(1, 100), "replayed"]


def test_a_short_recording_is_told_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 2, RuntimeError())
    run = of_run(until_error(started(1), RuntimeError))
    assert [each["type"] for each in run].count("replayed") == 0
    assert run[-1]["status"] == "done" and run[-1]["recorded"]["replayed"] == 2 and len(run[-1]["runs"]) == 5


def test_without_its_first_event_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 0, InputError("That cannot be."))
    (working, failed) = of_run(list(started(1)))
    assert (working["status"], failed["status"], failed["message"]) == ("working", "failed", "That cannot be.")


@pytest.mark.parametrize("times", [1, 20])
def test_an_event_that_cannot_be_true_has_its_steps(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    real = _Event.execution

    def execution(self: _Event) -> Execution:
        if self.event.pid == 131:
            raise InputError("Its types are damaged.")
        return real(self)

    monkeypatch.setattr(_Event, "execution", execution)
    messages = answers(times)
    run = of_run(messages)
    last = run[-1]
    assert [each["status"] for each in run if each["type"] == "stage"] == ["working", "done"]
    (lacking,) = last["recorded"]["lacking"]
    tasks = last["recorded"]["tasks"]
    assert lacking == {
        "events": [n for n, task in enumerate(tasks) if "(131)" in task], "why": "Its types are damaged.",
    }  # fmt: skip
    assert 0 < len(lacking["events"]) < len(tasks)
    assert "replayed" not in last["recorded"]
    assert {each["run"] for each in run if each["type"] == "block"} == set(range(5 * times))
    assert {each["run"] for each in last["events"]} == set(range(5 * times)) - set(lacking["events"])
    assert told.read(json.dumps(last)) is not None
