"""Columns of a block, made from the lists they are collected in."""

from __future__ import annotations

from array import array

import pytest

from vm.trace.blocks import column, halves, runs
from vm.trace.snapshots import same_reg
from vm.trace.values import ValueWriter, read_register
from vm.verifier.domain.scalar import Scalar, bounded, const
from vm.verifier.domain.tnum import Tnum
from vm.verifier.state.reg import UNKNOWN_REG, RegState, pointer
from vm.verifier.state.reg_types import PTR_TO_MAP_VALUE, SCALAR_VALUE


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


def _values() -> list[RegState]:
    """One of each form of row, and numbers next to where one form ends and the other begins."""
    u = UNKNOWN_REG.scalar
    scalars: list[Scalar] = [
        u, const(0), const((1 << 64) - 1), const(1 << 62), bounded(u, umin=3, umax=200),
        bounded(u, umin=(1 << 31) - 2, umax=(1 << 31) + 2), bounded(u, umin=1 << 31, umax=(1 << 32) - 1),
        bounded(u, umin=(1 << 63) - 4, umax=(1 << 63) - 1), bounded(u, umin=(1 << 63) - 4, umax=(1 << 63) + 4),
        bounded(u, smin=-4, smax=-1), bounded(u, s32_min=-4, s32_max=9), bounded(u, u32_min=1, u32_max=5, smin=0),
        Scalar(Tnum((1 << 33) + 4, 3), (1 << 33) + 4, (1 << 33) + 7, (1 << 33) + 4, (1 << 33) + 7, 4, 7, 4, 7),
        Scalar(Tnum((1 << 33) + 4, 3), (1 << 33) + 4, (1 << 33) + 7, (1 << 33) + 4, (1 << 33) + 7, 5, 7, 5, 7),
        Scalar(Tnum((1 << 33) + 4, 3), (1 << 33) + 4, (1 << 33) + 7, (1 << 33) + 4, (1 << 33) + 7, 4, 6, 4, 6),
    ]  # fmt: skip
    found = [RegState(SCALAR_VALUE, scalar) for scalar in scalars]
    moving = RegState(PTR_TO_MAP_VALUE, scalars[4])
    moving.map_ptr, moving.off, moving.id = 2, -8, 7
    precise = RegState(SCALAR_VALUE, scalars[4])
    precise.precise, precise.id, precise.off = True, 5, -3
    linked, moved = RegState(SCALAR_VALUE, scalars[4]), RegState(SCALAR_VALUE, scalars[4])
    linked.id, moved.off = 6, 2
    return [*found, pointer(PTR_TO_MAP_VALUE), moving, precise, linked, moved]


def test_rows_are_read_as_they_were_written() -> None:
    values = _values() * 2
    writer = ValueWriter(None)
    rows = [writer.row_of(value) for value in values]
    data = writer.data()
    assert len(set(rows)) == len(values) // 2
    for row, value in zip(rows, values, strict=True):
        read = read_register(data, writer.starts[row - 1], None)
        assert same_reg(read, value) and read.precise == value.precise
    assert {data[at] & 0x7F for at in writer.starts} == {1, 2, 3, 4, 7, 8}


def test_rows_of_a_later_block_are_those_of_a_new_writer() -> None:
    writer, new = ValueWriter(None), ValueWriter(None)
    for value in _values():
        writer.row_of(value)
    writer.begin_block()
    values = list(reversed(_values()))
    rows = [writer.row_of(value) for value in values]
    assert rows == [new.row_of(value) for value in values]
    assert (writer.starts, writer.data()) == (new.starts, new.data())


def test_rows_have_room() -> None:
    writer = ValueWriter(None)
    values = [RegState(SCALAR_VALUE, UNKNOWN_REG.scalar) for _ in range(3_000)]
    rows = [writer.row_of(value) for value in values]
    data = writer.data()
    assert rows == list(range(1, 3_001))
    assert same_reg(read_register(data, writer.starts[-1], None), values[-1])
    assert len(data) == 3_000 * 77
