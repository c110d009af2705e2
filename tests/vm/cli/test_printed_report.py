"""What is printed for people holds nothing that a terminal acts upon; files and names are the users'."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vm.cli.main import main
from vm.cli.report import Reporter, visible
from vm.pipeline import recording_of
from vm.recorded import format as file_format

RUDE = "<b>\u202e\x1b[31m\x00\x9b\u200b"


def test_controls_are_spelt_out_and_lines_stay() -> None:
    assert visible(RUDE) == r"<b>\u202e\x1b[31m\x00\x9b\u200b"
    assert visible("a\tb\r\nc\n\rd é 漢") == "a\tb\nc\n\\x0dd é 漢"
    assert visible("\ud800") == r"\ud800"


def test_both_streams_are_spelt_and_json_stays_what_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    Reporter(as_json=False).line({}, RUDE)
    Reporter(as_json=False).complain(RUDE, 1)
    told = capfd.readouterr()
    assert told.out == told.err == visible(RUDE) + "\n"
    record = {"name": f"{RUDE}\ud800"}
    Reporter(as_json=True).line(record)
    assert json.loads(capfd.readouterr().out) == record


def test_a_rude_recording_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recording = recording_of((Path(__file__).parents[3] / "examples" / "guard_files.rec").read_bytes())
    code, (event, *_) = replace(recording.codes[0], name=RUDE), recording.events
    rude = replace(
        recording, release=RUDE, notes=(RUDE,), codes=(code, *recording.codes[1:]),
        events=(replace(event, comm=RUDE, cut=RUDE),),
    )  # fmt: skip
    file = tmp_path / "rude.rec"
    file.write_bytes(file_format.encode(rude))
    assert main(["recording", str(file)]) == 0
    told = capfd.readouterr()
    assert f"Linux {visible(RUDE)}: {visible(RUDE)} in {visible(RUDE)} (" in told.out
    assert visible(RUDE) in told.err
    file.write_bytes(file_format.encode(replace(recording, events=())))
    assert main(["recording", str(file)]) == 0
    assert capfd.readouterr().err == "The recording holds no event.\n"
