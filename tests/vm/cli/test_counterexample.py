"""`verify --counterexample` and `run --input`: what the first writes, the second takes."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parents[2] / "corpus" / "memory"


def test_an_input_that_is_found_can_be_run(said: Any, tmp_path: Path) -> None:
    source = str(CORPUS / "value_index.c")
    status, [record], _ = said("verify", "--json", "--counterexample", source)
    assert status == 1
    shown = record["failure"]["counterexample"]
    assert (shown["status"], shown["forgotten"]) == ("found", "")
    assert shown["fault"]["insn"] == record["failure"]["insn"] and len(shown["fault"]["registers"]) == 11
    file = tmp_path / "input.json"
    file.write_text(json.dumps(shown["input"]))
    status, [ran], _ = said("run", "--json", source, "--input", str(file))
    assert status == 2
    assert (ran["fault"]["insn_idx"], ran["fault"]["message"]) == (shown["fault"]["insn"], shown["fault"]["message"])
    assert ran["engine"] == "interpreter"


def test_the_text_has_the_command(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, text = said("verify", "--counterexample", str(CORPUS / "value_null.c"))
    assert "counterexample: found: " in text
    line = re.search(r"^run it: (.*)$", text, re.M)
    assert line is not None
    _, given, pipe, *command = shlex.split(line[1])
    assert pipe == "|" and command[:3] == ["python", "-m", "vm"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    status, _, text = said(*command[3:])
    assert status == 2 and "a NULL pointer" in text


def test_what_is_safe_and_what_was_forgotten_is_said(said: Any) -> None:
    _, [record], _ = said("verify", "--json", "--counterexample", str(CORPUS / "value_null_array.c"))
    shown = record["failure"]["counterexample"]
    assert shown["status"] == "none" and shown["input"] is None and shown["fault"] is None
    assert "does not look at the key" in shown["forgotten"]
    _, _, text = said("verify", "--counterexample", str(CORPUS / "value_null_array.c"))
    assert "counterexample: none: " in text and "forgotten: " in text


def test_a_rejection_about_no_memory_has_none(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "endless.s"
    source.write_text("r0 = 0\nloop:\ngoto loop\n")
    _, [record], _ = said("verify", "--json", "--counterexample", str(source))
    assert record["failure"]["counterexample"] is None
    _, [record], _ = said("verify", "--json", str(source))
    assert "counterexample" not in record["failure"]


@pytest.mark.parametrize("text", ["", "[]", '{"packet": "zz"}', '{"nothing": 1}', '{"maps": {"nowhere": []}}'])
def test_a_wrong_input_is_status_2_with_a_sentence(said: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "input.json"
    file.write_text(text)
    status, _, out = said("run", str(CORPUS / "value_null.c"), "--input", str(file))
    assert status == 2 and "nput" in out and "Traceback" not in out


def test_an_input_that_is_not_there_or_not_for_the_machine_is_status_2(said: Any, tmp_path: Path) -> None:
    status, _, out = said("run", str(CORPUS / "value_null.c"), "--input", str(tmp_path / "none.json"))
    assert status == 2 and "No such file" in out
    file = tmp_path / "input.json"
    file.write_text("{}")
    status, _, out = said("run", str(CORPUS / "value_null.c"), "--input", str(file), "--engine", "jit")
    assert status == 2 and "interpreter" in out
