"""A recording as a job: of a long one the first event is told before the others."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.messages import told
from playground.present.replayed import REPLAYED_AT_ONCE
from playground.present.run import run_job
from vm import pipeline

EXAMPLES = Path(__file__).parents[3] / "examples"
Message = dict[str, Any]


def answers(times: int) -> list[Message]:
    """What is told of the recorded example, with its events so many times."""
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    long = pipeline.recording_file(replace(recording, events=recording.events * times))
    given = {"kind": "recording", "base64": base64.b64encode(long).decode()}
    source = {name: recording.source[name] for name in ("kind", "source", "options")}
    return list(run_job({**source, "input": given}))


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
