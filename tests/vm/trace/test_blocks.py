"""Columns of a block, made from the lists they are collected in."""

from __future__ import annotations

from array import array

import pytest

from vm.trace.blocks import column, halves, runs


@pytest.mark.parametrize(
    ("code", "values"),
    [("i", [-1, 0, 1_000_000]), ("I", [0, (1 << 32) - 1]), ("H", [0, 0x703F]), ("B", [0, 8]), ("i", [])],
)
def test_a_column_is_the_array_of_its_numbers(code: str, values: list[int]) -> None:
    assert column(code, values) == array(code, values)
    assert column(code, values).typecode == code


def test_two_columns_in_one_come_apart() -> None:
    first, second = [0, 5, 0xFFFF], [0, 1 << 29, 7]
    packed = [a | b << 32 for a, b in zip(first, second, strict=True)]
    assert halves(packed, "H", "I") == (array("H", first), array("I", second))
    assert halves(packed, "i", "I") == (array("i", first), array("I", second))
    assert halves([], "H", "I") == (array("H"), array("I"))


def test_runs_reach_to_the_next_one() -> None:
    assert runs("I", [(0, 3), (2, 4), (2, 5), (5, 6)], 7).tolist() == [3, 3, 5, 5, 5, 6, 6]
    assert runs("B", [(0, 1)], 0).tolist() == []
    with pytest.raises(OverflowError):
        runs("I", [(0, -1)], 1)
