"""Files beside a C source: what a request may hold, and that they reach every stage and link."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from playground.messages import programs
from playground.present.run import run_job
from playground.requests import TAKEN, BadRequest, check_request
from tests.vm.compile.test_own_files import BAD_NAMES, MAIN, MINE
from vm.compile import options

REQUEST: dict[str, Any] = {"kind": "c", "source": MAIN, "files": {"mine.h": MINE}, "options": {}}


def test_the_request_keeps_its_files() -> None:
    assert check_request(REQUEST)["files"] == {"mine.h": MINE}


def test_no_files_are_as_absent_ones() -> None:
    assert "files" not in check_request({**REQUEST, "files": {}})
    assert "files" not in check_request({"kind": "c", "source": MAIN})


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if name != "@JOB@/x"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        check_request({**REQUEST, "files": {name: ""}})


@pytest.mark.parametrize(
    "files",
    [
        {f"f{n}.h": "" for n in range(33)},
        {"a.h": "x" * (256 << 10), "b.h": "x"},
        {"a.h": "\0"},
        {"a.h": "\ud800"},
        {"a.h": 5},
        {"a": "", "a/b.h": ""},
        ["a.h"],
        "a.h",
    ],
)
def test_bad_files_are_refused(files: Any) -> None:
    with pytest.raises(BadRequest):
        check_request({**REQUEST, "files": files})


@pytest.mark.parametrize("kind", ["asm", "hex", "listing", "log"])
def test_only_c_has_files(kind: str) -> None:
    with pytest.raises(BadRequest):
        check_request({"kind": kind, "source": "r0 = 0\nexit", "files": {"a.h": ""}})


def test_the_schema_and_the_compiler_agree() -> None:
    assert programs.MAX_FILES == options.MAX_FILES
    assert TAKEN == options.RESERVED
    pattern = get_args(programs.FileName)[1].pattern
    for name in (*BAD_NAMES, "a.h", "a/b.h", "A-b+c@2.h", "a" * 128, "a/b/c/d/e/f/g/h.h"):
        if name not in TAKEN:
            assert bool(re.search(pattern, name)) == bool(options.FILE_NAME.match(name)), name


def _stages(request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    told = run_job(check_request(request))
    return {m["stage"]: m for m in told if m["type"] == "stage" and m["status"] != "working"}


def test_instructions_and_the_failure_name_the_file() -> None:
    stages = _stages(REQUEST)
    places = [(insn.get("file", ""), insn["line"]) for insn in stages["load"]["insns"]]
    assert ("mine.h", 5) in places
    assert ("", 7) in places
    assert (stages["verify"]["fail"]["file"], stages["verify"]["fail"]["line"]) == ("mine.h", 5)
    assert stages["verify"]["fail"]["causes"][-1]["file"] == "mine.h"
    assert "--file=mine.h=mine.h" in stages["verify"]["command"]
    assert {"what": "C header", "name": "mine.h", "size": len(MINE), "unit": "byte"} in stages["compile"]["took"]


def test_diagnostics_name_the_file() -> None:
    compiled = _stages({**REQUEST, "files": {"mine.h": "int a = ;\n"}})["compile"]
    assert compiled["diagnostics"][0]["file"] == "mine.h"
    assert compiled["message"].startswith("mine.h line 1: ")


def test_a_fix_says_which_file_it_edits() -> None:
    told = list(run_job({"kind": "fixes", "request": check_request(REQUEST)}))
    assert [edit["file"] for m in told if m["type"] == "fix" for edit in m["edits"]][0] == "mine.h"
