"""What the comparison of two loaders' answers calls different, and what the measure of jobs counts."""

from __future__ import annotations

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
