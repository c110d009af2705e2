"""The measure of hostile input finds harm where there is some, and sends what it says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench import hostile
from bench.load import MEASURES


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ('{"type":"error","code":"internal","message":"x"}', "internal"),
        ('{"type":"error","code":"crashed","message":"x"}', "crashed"),
        ('{"type":"error","code":"input","message":"x"}', ""),
        ('{"type":"stage","message":"Traceback (most recent call last)"}', "traceback"),
        ('{"type":"done","ms":1,"cancelled":false}', ""),
    ],
)
def test_harm_is_found(text: str, harm: str) -> None:
    assert hostile._harm(text) == harm


def test_what_is_sent_is_as_many_as_wanted_and_differs() -> None:
    (count,) = MEASURES["hostile"].long
    assert [count * times for _, times in hostile.KINDS.values()] == [10_000, 10_000, 1_000, 100_000]
    for make, _ in hostile.KINDS.values():
        chance = random.Random(1)
        assert len({str(make(chance)) for _ in range(20)}) > 15


def test_a_later_start_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    first = hostile.Progress.of(7, file)
    first.outcomes["mutated objects"].update({"answered": 200, "crashed": 1})
    first.slowest, first.largest = 1.5, 1 << 20
    first.save()
    assert hostile.Progress.of(None, file) == first
    with pytest.raises(SystemExit):
        hostile.Progress.of(8, file)
