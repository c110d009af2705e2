"""`python -m vm rules`: every rule, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vm.cli.main import main
from vm.verifier.rules.catalogue import all_rules


def test_every_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == [rule.name for rule in all_rules()]
    found = next(line for line in lines if line["name"] == "packet-access-out-of-range")
    assert (found["category"], found["errno"], found["by"]) == ("Memory Safety", ["EACCES"], "verifier")
    assert "R{regno} offset is outside of the packet" in found["message"]
    assert all(line["needed"] and line["errno"] != ["0"] for line in lines)


def test_as_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    text = capsys.readouterr().out
    assert "register-uninitialized (Register Type Safety, EACCES)\n    R{regno} !read_ok\n    needed: " in text
    assert "(no message)" in text


def test_a_rejection_begins_with_the_kernel_s_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = tmp_path / "p.s"
    source.write_text(".type xdp\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 1)\nexit\n")
    assert main(["verify", "--log-level", "2", str(source)]) == 1
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[0].endswith(": p: reject: R2 offset is outside of the packet")
    assert lines[-2].startswith("why: On this path no packet pointer is compared with data_end")
    assert lines[-1].startswith("needed: the access needs byte 1")
