"""Every example does what its description says."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from playground.present.run import run_job
from vm import pipeline


def given(example: dict[str, Any]) -> dict[str, Any]:
    """The input of an example, as the page has it."""
    if "recording" in example:
        data = (FOLDER / example["recording"]).read_bytes()
        return {"kind": "recording", "base64": base64.b64encode(data).decode()}
    return {"kind": "packet", "hex": example["packet"]}


FOLDER = Path(__file__).parent.parent / "examples"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())


@pytest.mark.parametrize("example", INDEX, ids=lambda e: e["name"])
def test_it_ends_as_its_description_says(example: dict[str, Any]) -> None:
    request = {
        "kind": "c",
        "source": (FOLDER / example["file"]).read_text(),
        "options": {},
        "input": given(example),
    }
    stages = {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}
    promised = example["description"].rstrip(".").rsplit(" ", 1)[-1]
    assert promised in ("Accepted", "Rejected")
    assert stages["verify"]["verdict"] == {"Accepted": "accept", "Rejected": "reject"}[promised]
    assert stages["run"]["status"] == {"Accepted": "done", "Rejected": "skipped"}[promised]


@pytest.mark.parametrize("example", [e for e in INDEX if "recording" in e], ids=lambda e: e["name"])
def test_a_recording_is_stepped_with_the_verifier_beside_it(example: dict[str, Any]) -> None:
    """Every program of it, instruction by instruction; no value is outside what the verifier proved."""
    recording = pipeline.recording_of((FOLDER / example["recording"]).read_bytes())
    for name in sorted({recording.codes[event.program].name for event in recording.events}):
        for how, run, known in pipeline.stepped(recording, name):
            assert how == "instruction"
            assert len(run.steps) > 10 and not run.steps_cut
            assert all(known), f"{name}: the verifier's states end at step {known.index(None)}"
            assert not [each for each in known if each is not None and each.wrong]


def test_recordings_stay_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("*.rec")]
    assert sizes and sum(sizes) <= 3_000_000


def test_no_source_is_left_out_of_the_index() -> None:
    assert {p.name for p in FOLDER.glob("*.c")} == {e["file"] for e in INDEX}
