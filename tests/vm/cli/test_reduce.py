"""`reduce FILE`: what it prints is a source again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vm.cli.main import main


def test_the_text_is_a_source_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reduce", "examples/missing_bounds_check.c"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("// examples/missing_bounds_check.c: reduced from 22 to ")
    small = tmp_path / "small.c"
    small.write_text(said)
    assert main(["verify", "--no-fixes", str(small)]) == 1
    assert "offset is outside of the packet" in capsys.readouterr().out


def test_its_json_and_its_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reduce", "--json", "examples/missing_bounds_check.c"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["program"] == "drop_tcp" and record["lines"] < record["whole"] == 22 and record["ended"] == "smallest"
    assert "ip->protocol" in record["source"]
    assert main(["reduce", "examples/count_drop.c"]) == 2
    assert "refuses" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["nan", "inf", "0", "-1", "soon"])
def test_a_time_limit_is_a_number_of_seconds(capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert main(["reduce", f"--seconds={given}", "x.c"]) == 2
    assert f"'{given}' is no number of seconds above 0" in capsys.readouterr().err
