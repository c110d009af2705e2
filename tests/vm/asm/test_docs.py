"""docs/assembly.md shows each instruction in both spellings: they must assemble to the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vm.asm import assemble, detect_spelling

DOCS = Path(__file__).parents[3] / "docs/assembly.md"


def pairs() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| (`.*) \| (`.*|the same) \|$", DOCS.read_text(), re.M)
    found = []
    for left, right in rows:
        kernel = re.findall(r"`([^`]+)`", left)
        intel = kernel if right == "the same" else re.findall(r"`([^`]+)`", right)
        found += list(zip(kernel, intel, strict=True))
    return found


def test_the_table_is_found() -> None:
    assert len(pairs()) > 25


@pytest.mark.parametrize(("kernel", "intel"), pairs())
def test_both_columns_say_the_same(kernel: str, intel: str) -> None:
    tail = "out: exit\nlabel: exit\nexit\nexit"
    mine, theirs = (assemble(f"{text}\n{tail}").programs[0].insns for text in (kernel, intel))
    assert mine == theirs
    if not re.match("call|may_goto", kernel):
        assert (detect_spelling(kernel), detect_spelling(intel)) == ("kernel", "intel")
