"""Programs that only an application gets to the kernel: the emulation says what Linux 6.12 said of them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from scripts.gallery.content import pages
from scripts.gallery.raw import FILE, RAW, ours

RECORDED: Final[list[dict[str, Any]]] = [json.loads(line) for line in FILE.read_text().splitlines()]


@pytest.mark.parametrize("said", RECORDED, ids=lambda said: said["rule"])
def test_the_kernel_said_the_same(said: dict[str, Any]) -> None:
    assert ours(RAW[said["rule"]]) == said


def test_all_of_them_are_recorded_and_have_no_other_program() -> None:
    assert {said["rule"] for said in RECORDED} == set(RAW)
    without = {page.rule.name for page in pages() if page.no_program}
    assert set(RAW) <= without
