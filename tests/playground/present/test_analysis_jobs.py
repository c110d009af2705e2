"""Questions about a program: fixes, a counterexample, the object's contents, the rewritten program."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.messages import told
from playground.present.analyses import ANALYSES
from playground.present.run import run_job
from vm.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


def request(name: str, **more: Any) -> dict[str, Any]:
    source = (ROOT / "examples" / f"{name}.c").read_text()
    return {"kind": "c", "source": source, "options": {}, "input": {"kind": "auto"}, **more}


def answers(kind: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    said = list(run_job({"kind": kind, "request": asked}))
    for message in said:
        told.read(json.dumps(message))
    return said


def test_every_question_has_a_message_that_asks_it() -> None:
    from playground.messages import asked

    assert set(ANALYSES) == set(asked.ANALYSES)


def test_fixes_are_told_as_edits_of_the_source() -> None:
    said = answers("fixes", request("missing_bounds_check"))
    assert said[-1] == {"type": "fixes_done", "found": len(said) - 1} and len(said) > 1
    assert all(fix["edits"] and fix["insns_processed"] > 0 and fix["diff"].startswith("---") for fix in said[:-1])


def test_a_counterexample_can_be_run_and_stops_at_the_fault() -> None:
    asked = request("missing_bounds_check")
    (found,) = answers("counterexample", asked)
    assert found["status"] == "found", found["why"]
    stages = {
        m["stage"]: m
        for m in run_job({**asked, "input": {"kind": "given", "json": found["input"]}})
        if m["type"] == "stage" and m["status"] != "working"
    }
    assert stages["verify"]["verdict"] == "reject" and stages["jit"]["status"] == "skipped"
    assert stages["run"]["status"] == "failed" and stages["run"]["message"] == found["fault"]["message"]


def test_a_smaller_source_is_refused_as_the_one_that_was_sent() -> None:
    asked = request("missing_bounds_check")
    *_, found = answers("reduce", asked)
    assert found["type"] == "reduced" and found["ended"] == "smallest" and found["files"] == []
    assert found["lines"] < found["whole"] == 22 and found["tried"] > 5
    again = next(m for m in run_job({**asked, "source": found["source"]}) if m.get("verdict"))
    assert again["verdict"] == "reject" and again["fail"]["message"] == found["message"]
    assert again["fail"]["line"] == found["line"]
    with pytest.raises(InputError, match="Only a program that the verifier refuses"):
        answers("reduce", request("count_drop"))


@pytest.mark.parametrize("kind", ["fixes", "counterexample"])
def test_an_accepted_program_has_nothing_to_settle(kind: str) -> None:
    said = answers(kind, request("count_drop"))
    assert said[-1].get("found") == 0 or said[-1]["status"] == "other"


def test_a_damaged_input_ends_the_run_with_a_sentence() -> None:
    said = list(run_job(request("missing_bounds_check", input={"kind": "given", "json": '{"packets": 1}'})))
    run = [m for m in said if m["type"] == "stage" and m["stage"] == "run"][-1]
    assert run["status"] == "failed" and "packets" in run["message"]


@pytest.mark.parametrize("kind", ["rewritten", "counterexample"])
def test_a_log_holds_no_program(kind: str) -> None:
    asked = {"kind": "log", "source": "0: (b7) r0 = 0\n", "options": {}, "input": {"kind": "auto"}}
    with pytest.raises(InputError, match="A log does not hold the program"):
        answers(kind, asked)


def test_the_files_are_those_that_the_command_line_writes(tmp_path: Path) -> None:
    (made,) = answers("binaries", request("count_drop"))
    file = base64.b64decode(made["object"])
    assert file.startswith(b"\x7fELF")
    (tmp_path / "program.o").write_bytes(file)
    command = [sys.executable, "-m", "vm", "jit", "--json", str(tmp_path / "program.o")]
    line = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    assert made["program"] == line["program"]
    assert base64.b64decode(made["xlated"]).hex() == line["xlated"]
    assert base64.b64decode(made["image"]).hex() == line["image"]


def test_a_rejected_program_has_an_object_file_alone() -> None:
    (made,) = answers("binaries", request("missing_bounds_check"))
    assert made["object"] and made["xlated"] is None and made["image"] is None


def test_a_program_that_was_an_object_file_is_that_file() -> None:
    data = base64.b64encode((ROOT / "tests/golden/objects").glob("*.o").__next__().read_bytes()).decode()
    (made,) = answers("binaries", {"kind": "elf", "source": data, "options": {}, "input": {"kind": "none"}})
    assert made["object"] == data


def test_a_log_and_a_source_that_does_not_compile_have_no_files() -> None:
    for kind, source in (("log", "0: (b7) r0 = 0"), ("c", "int")):
        with pytest.raises(InputError):
            answers("binaries", {"kind": kind, "source": source, "options": {}, "input": {"kind": "none"}})


def test_a_profile_adds_up_and_its_advice_is_a_change_of_the_source() -> None:
    source = (ROOT / "tests/vm/profile/programs/shorter.c").read_text()
    asked = request("count_drop", source=source)
    (found,) = answers("profile", asked)
    *advice, done = answers("advice", asked)
    assert found["insns_processed"] == sum(row["insns"] for row in found["lines"]) == sum(r[1] for r in found["insns"])
    assert done == {"type": "advice_done", "found": len(advice)} and advice
    assert all(each["edits"] and each["insns_processed"] <= 0.9 * each["before"] for each in advice)


def test_settings_are_told_one_by_one_and_a_wrong_one_as_a_sentence() -> None:
    source = (ROOT / "tests/vm/profile/programs/settings.c").read_text()
    asked = request("count_drop", source=source)
    (found, *_) = answers("profile", asked)
    assert [each["name"] for each in found["constants"]] == ["rounds", "verbose", "mode"]
    *tried, done = list(run_job({"kind": "settings", "request": asked, "values": {"rounds": ["1", "<b>"]}}))
    assert not tried and "whole number" in done["message"]
    *tried, done = list(run_job({"kind": "settings", "request": asked, "values": {"rounds": ["1", "9"]}}))
    assert done == {"type": "settings_done", "message": ""}
    assert [each["values"] for each in tried] == [{"rounds": "1"}, {"rounds": "9"}]
    for message in tried:
        told.read(json.dumps(message))


def test_two_programs_are_compared() -> None:
    asked = request("bounded_loop")
    other = {**asked, "options": {"mcpu": "v1"}}
    (found,) = list(run_job({"kind": "compare", "request": asked, "other": other}))
    told.read(json.dumps(found))
    assert found["a"]["insns_processed"] < found["b"]["insns_processed"]
    assert found["parting"]["kind"] == "insn" and found["lines"]
    with pytest.raises(InputError, match="does not compile"):
        list(run_job({"kind": "compare", "request": asked, "other": {**asked, "source": "int x"}}))
    with pytest.raises(InputError, match="A log does not hold"):
        list(run_job({"kind": "compare", "request": asked, "other": {"kind": "log", "source": "0: (95) exit"}}))


def test_without_kernels_it_is_said_how_to_add_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BPFSCOPE_KERNELS", str(tmp_path))
    kernels, done = answers("matrix", request("count_drop"))
    assert kernels["kernels"] == []
    assert "make kernels" in kernels["missing"] or "QEMU" in kernels["missing"]
    assert str(tmp_path) not in kernels["missing"]
    assert done == {"type": "cells_done", "asked": 0, "changes": [], "lacking": []}
