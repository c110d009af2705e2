"""What the comparison of two loaders' answers calls different, and what the measure of jobs counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import kernels
from bench.rows import Clock
from vm.pipeline import Cell

CELL = Cell("a.o", "p", "6.12", "6.12.1", "", "", "", "reject", -13, 2, "R1 invalid", "0: R1=ctx()\nR1 invalid\n")
SAID = {"file": "a.o", "prog": "p", "verdict": "reject", "err": -13, "log1": "0: R1=ctx()\nR1 invalid\n"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"verdict": "accept"}, "accept here"),
        ({"errno": -22}, "errno -22 here, -13 there"),
        ({"log": "0: R1=scalar()\nR1 invalid\n"}, "line 0 of the log"),
        ({"log": "0: R1=ctx()\n"}, "line 1 of the log"),
    ],
)
def test_a_difference_is_told(changed: dict[str, object], why: str) -> None:
    found = list(kernels._different({("a.o", "p"): replace(CELL, **changed)}, {("a.o", "p"): SAID}))  # type: ignore[arg-type]
    assert bool(found) == bool(why) and (not why or why in found[0])


def test_an_answer_that_is_missing_is_a_difference() -> None:
    (text,) = kernels._different({}, {("a.o", "p"): SAID})
    assert text == "a.o: p: no answer here, reject there"


def test_without_a_loader_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(kernels.LOADER, raising=False)
    (row,) = kernels.kernel_answers(Clock(1))
    assert not row.values and kernels.LOADER in row.note


def test_files_that_jobs_leave_are_counted(tmp_path: Path) -> None:
    before = kernels._left(SimpleNamespace(folder=tmp_path))
    (tmp_path / "left").touch()
    with (tmp_path / "open").open("w"):
        after = kernels._left(SimpleNamespace(folder=tmp_path))
    assert [b - a for a, b in zip(before, after, strict=True)][1:3] == [2, 1]


LOADER = """#!{python}
# Tells of each object in turn; at one whose name has "late" it stops, as a loader that runs out of time.
import json, sys
from pathlib import Path
with open(sys.argv[1], "w") as out:
    out.write(json.dumps({{"kernel": "6.12"}}) + "\\n")
    for path in map(Path, sys.argv[2:]):
        if "late" in path.name:
            sys.exit(1)
        said = {{"file": path.name, "prog": "p", "verdict": "accept", "err": 0}}
        said["libbpf"] = "{warned}" if "config" in path.name else ""
        out.write(json.dumps(said) + "\\n")
    out.write(json.dumps({{"done": 1}}) + "\\n")
"""


def test_an_object_that_takes_too_long_is_left_and_a_later_measure_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = tmp_path / "load"
    loader.write_text(LOADER.format(python=sys.executable, warned=kernels.NO_CONFIG))
    loader.chmod(0o755)
    accepted = replace(CELL, verdict="accept", errno=0)
    answered: list[str] = []

    def ours(files: list[Path], state: object) -> Iterator[Cell]:
        answered.extend(path.name for path in files)
        return (replace(accepted, source=path.name) for path in files)

    monkeypatch.setattr(kernels, "_ours", ours)
    files = [tmp_path / name for name in ("a.o", "b.config.o", "c.late.o", "d.o")]
    answers = kernels.Answers(tmp_path / "answers.jsonl")
    kernels._ask(str(loader), SimpleNamespace(name="6.12"), files, answers, Clock(600))
    assert answers.asked == {("6.12", path.name) for path in files}
    # The loader told of b last, so that it may have stopped in it as well as in c.
    assert answers.told == {"6.12": (2, 0, 2)}
    assert answered == ["a.o", "b.config.o", "c.late.o", "d.o"]
    again = kernels.Answers(tmp_path / "answers.jsonl")
    assert (again.asked, again.told) == (answers.asked, answers.told)
    row = kernels._row("row", again, "6.12", 4)
    assert row.values == [100] and "2 programs of 2 objects" in row.note
