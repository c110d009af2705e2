"""`python -m vm log`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.vm.logs.recordings import GOLDEN, log_of
from tests.vm.logs.wrapping import libbpf
from vm.cli.main import main

KEYS = {
    "file", "verdict", "message", "insn", "reg", "line", "rule", "category", "format", "wrapper", "cut", "states",
}  # fmt: skip


def test_one_line_of_json_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for kernel in ("5.10", "7.3"):
        path = tmp_path / f"{kernel}.txt"
        path.write_text(libbpf(log_of("map_value_index", kernel)))
        paths.append(str(path))
    assert main(["log", "--json", *paths]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(first) >= KEYS
    assert first["file"] == paths[0]
    for found in (first, second):
        assert (found["verdict"], found["insn"], found["reg"]) == ("reject", 12, "R0")
        assert found["message"] == "invalid access to map value, value_size=32 off=48 size=1"
        assert found["partners"] == ["R0 max value is outside of the allowed memory range"]
        assert found["rule"] == "memory-access-out-of-range-max"
        assert found["category"] == "Memory Safety"
        assert found["line"] == "event->name[at] = 1;"
        assert (found["wrapper"], found["cut"], found["program"]) == ("libbpf", False, "probe")
    assert (first["format"], second["format"]) == ("inv", "7.3")


def test_standard_input_and_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Input:
        buffer = io.BytesIO(log_of("map_value_unbounded", "6.12").encode())

    monkeypatch.setattr("sys.stdin", Input)
    assert main(["log", "-"]) == 0
    out = capsys.readouterr().out
    assert "-: reject (read from a log: Linux 6.9 or later)" in out
    assert "at instruction 12, R1" in out
    assert "Memory Safety: offset-unbounded" in out


def test_beside_its_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log.txt"
    # The program that the answer is about is not the first of the text.
    path.write_text(libbpf(log_of("accepted_counter", "6.12", "level2")) + log_of("map_value_index", "7.0"))
    source = ["--beside", str(GOLDEN / "refused.c"), "--program", "map_value_index"]
    assert main(["log", "--json", str(path), *source]) == 0
    parting = json.loads(capsys.readouterr().out)["parting"]
    assert (parting["kind"], parting["insn"], parting["name"]) == ("value", 7, "r0")
    assert main(["log", str(path), *source]) == 0
    assert "instruction 7: The walk here knows something else" in capsys.readouterr().out
    assert main(["log", str(path), "--beside", "/nowhere.c"]) == 2


def test_a_text_that_tells_nothing_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("")
    assert main(["log", "--json", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["message"], found["insn"], found["format"]) == ("unknown", None, None, "stats")


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "/nowhere/log.txt"]) == 2
    assert "/nowhere/log.txt: No such file" in capsys.readouterr().err
