"""Rows of the bench: goals, and the time a measure may take."""

from __future__ import annotations

import time

import pytest

from bench.rows import OUT_OF_TIME, Clock, Row, skipped


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("x", [1.0, 1.2, 9.0], goal=1.3), True),
        (Row("x", [1.0, 1.4, 9.0], goal=1.3), False),
        (Row("x", [1.0, 1.4, 9.0], goal=1.3, at_least=True), True),
        (Row("x", [1.0], goal=1.3, at_least=True), False),
        (Row("x", [1.0]), None),
        (Row("x", goal=1.3), None),
    ],
)
def test_the_median_is_held_against_the_goal(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_a_row_shows_its_spread_and_its_goal() -> None:
    text = " ".join(Row("memory", [100.0, 300.0, 1200.0], " MB", 200).text().split())
    assert text == "memory 300 MB 100-1,200 of 3 <= 200 MB, NOT MET"


def test_a_row_without_values_says_why() -> None:
    assert Row("x").text().endswith(OUT_OF_TIME)
    assert skipped("x", "no kernel").text().endswith("skipped: no kernel")


def test_a_measure_stops_when_its_time_is_over() -> None:
    def slow() -> float:
        time.sleep(0.05)
        return 1.0

    assert 1 <= len(Clock(0.2).repeat(slow, 100)) <= 4
    assert Clock(0).repeat(slow, 100) == []
    assert len(Clock(10).repeat(slow, 2)) == 2
