"""`python -m vm rules`: every rule, as text and as JSON."""

from __future__ import annotations

import json

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
